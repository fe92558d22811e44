import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import ts from 'typescript'
import { root } from './project'

/** The settings of a page that is bundled. */
const ofPages: ts.CompilerOptions = {
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
}

/** The settings of a program of Node without the types of pages: `tsc --module nodenext --lib es2022 --skipLibCheck false`. */
export const ofNode: ts.CompilerOptions = {
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
}

const programOf = (files: readonly string[], types: string[], settings: ts.CompilerOptions): ts.Program =>
  ts.createProgram({
    rootNames: files,
    options: {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      moduleDetection: ts.ModuleDetectionKind.Force,
      jsx: ts.JsxEmit.ReactJSX,
      checkJs: true,
      typeRoots: [join(root, 'node_modules', '@types')],
      types,
      ...settings,
    },
  })

/**
 * Checks files as the project of a strict user would: one message a line, with paths relative to `folder`.
 *
 * @param types packages of types that the user has installed
 */
export function typeErrors(
  files: readonly string[],
  folder: string,
  types: string[],
  settings: ts.CompilerOptions = ofPages,
): string[] {
  const program = programOf(files, types, settings)
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    if (!file || start === undefined) return text
    return `${relative(folder, file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${text}`
  })
}

/**
 * Options that may be left out and may not be given as `undefined`, of the interfaces `…Options` that files export. With
 * `exactOptionalPropertyTypes`, a user cannot hand on an option that may be undefined.
 */
export function optionsWithoutUndefined(files: readonly string[]): string[] {
  const program = programOf(files, ['node'], ofNode)
  const checker = program.getTypeChecker()
  const exported = files.flatMap(file => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile)
    return module ? checker.getExportsOfModule(module) : []
  })
  const isNarrow = ({ valueDeclaration }: ts.Symbol): boolean => {
    if (!valueDeclaration || !ts.isPropertySignature(valueDeclaration)) return false
    const { questionToken, type } = valueDeclaration
    if (!questionToken || !type) return false
    const declared = checker.getTypeFromTypeNode(type)
    const kinds = declared.isUnion() ? declared.types : [declared]
    return !kinds.some(({ flags }) => flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Any | ts.TypeFlags.Unknown))
  }
  return exported
    .filter(({ name }) => name.endsWith('Options'))
    .flatMap(symbol => {
      const properties = checker.getDeclaredTypeOfSymbol(checker.getAliasedSymbol(symbol)).getProperties()
      return properties.filter(isNarrow).map(({ name }) => `${symbol.name}.${name}`)
    })
}

/** CommonJS and the resolution before `exports`, which packages that are ESM alone do not serve: `attw --profile esm-only`. */
const ignoredResolutions = ['node10', 'node16-cjs']

/** What `attw` finds wrong with the types of a packed package, for those who import it as ESM. */
export async function typeResolutionProblems(tarball: string): Promise<unknown[]> {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))))
  if (!analysis.types) return ['it has no types']
  return analysis.problems.filter(
    problem => !('resolutionKind' in problem && ignoredResolutions.includes(problem.resolutionKind)),
  )
}
