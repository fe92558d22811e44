import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import ts from 'typescript'
import { root } from './project'

/**
 * Checks files as the project of a strict user would: one message a line, with paths relative to `folder`.
 *
 * @param types packages of types that the user has installed
 */
export function typeErrors(files: readonly string[], folder: string, types: string[]): string[] {
  const program = ts.createProgram({
    rootNames: files,
    options: {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts'],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      moduleDetection: ts.ModuleDetectionKind.Force,
      jsx: ts.JsxEmit.ReactJSX,
      checkJs: true,
      typeRoots: [join(root, 'node_modules', '@types')],
      types,
    },
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    if (!file || start === undefined) return text
    return `${relative(folder, file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${text}`
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
