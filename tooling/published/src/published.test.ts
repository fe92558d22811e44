import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, runInBrowser } from '@cria/browser'
import { build, transform } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { beforeAll, describe, expect, test } from 'vitest'
import { nodeImportsOnLoad } from './browser-imports'
import { bundledPackages, noticedPackages } from './licenses'
import { publishedPackages, root, run } from './project'
import { type CodeBlock, codeBlocks } from './readme'
import { ofNode, optionsWithoutUndefined, typeErrors, typeResolutionProblems } from './types'
import { userProject as project } from './user-project'

const libraries = publishedPackages.filter(({ isLibrary }) => isLibrary)

test.each(publishedPackages)('publint finds no problem in $name', async ({ name }) => {
  const tarball = new Uint8Array(readFileSync(project.tarball(name))).buffer
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
  expect(messages.map(message => formatMessage(message, pkg))).toEqual([])
})

test.each(libraries)('the types of $name resolve for every ESM consumer', async ({ name }) => {
  expect(await typeResolutionProblems(project.tarball(name))).toEqual([])
})

test.each(libraries)('a page loads $name without Node modules', async ({ name }) => {
  const entry = project.write(`entries/${name}.js`, `export * from '${name}'`)
  expect(await nodeImportsOnLoad(entry)).toEqual([])
})

test.each(publishedPackages)('$name carries the licenses of the packages inside it', ({ name }) => {
  const dist = join(project.folder, 'node_modules', name, 'dist')
  const bundled = bundledPackages(dist)
  expect(noticedPackages(dist)).toEqual(bundled)
  if (name === '@cria/tensor') expect(bundled).toEqual(['acorn', 'gpu-mock.js', 'gpu.js'])
})

interface MarkdownFile {
  readonly name: string
  readonly file: string
}

const readmes: readonly MarkdownFile[] = [{ name: 'cria-monorepo', folder: root }, ...publishedPackages]
  .map(({ name, folder }) => ({ name, file: join(folder, 'README.md') }))
  .filter(({ file }) => existsSync(file))

/** The pages of the documentation that have programs. */
const pages: readonly MarkdownFile[] = ['guides', 'papers']
  .map(folder => join(root, 'apps/docs/pages', folder))
  .flatMap(folder => readdirSync(folder).map(page => join(folder, page)))
  .map(file => ({ name: file.slice(root.length), file }))

const blocksOf = ({ name, file }: MarkdownFile) =>
  codeBlocks(readFileSync(file, 'utf8'), 'ts').map(block => ({ name, ...block }))

const examples = readmes.flatMap(blocksOf)

/** The program in a file of the user's project, at the same line as in the README. */
const writeExample = ({ name, line, code }: CodeBlock & { name: string }, extension: 'ts' | 'js') =>
  project.write(`readme/${name}/${line}.${extension}`, '\n'.repeat(line - 1) + code)

test.each(libraries)('the README of $name shows how to use it', ({ name }) => {
  expect(examples.map(example => example.name)).toContain(name)
})

/** The program as JavaScript, in a file of the user's project. Returns its path. */
const writeProgram = async (example: CodeBlock & { name: string }) => {
  const { code } = await transform(example.code, { loader: 'ts', format: 'esm', target: 'node20' })
  return writeExample({ ...example, code }, 'js')
}

test.each(examples.filter(({ run }) => run))('the example at line $line of the README of $name runs', async example => {
  await run(process.execPath, [await writeProgram(example)], project.folder)
})

// One process runs all programs of a page, one after the other.
test.each(pages)('the programs of $name run', async page => {
  const programs = await Promise.all(blocksOf(page).flatMap(block => (block.run ? [writeProgram(block)] : [])))
  const imports = programs.map(file => `await import(${JSON.stringify(pathToFileURL(file).href)})`)
  await run(process.execPath, [project.write(`readme/${page.name}/all.js`, imports.join('\n'))], project.folder)
})

test('the examples of all READMEs and pages have right types', () => {
  const files = [...examples, ...pages.flatMap(blocksOf)].map(example => writeExample(example, 'ts'))
  expect(typeErrors(files, project.folder, ['node'])).toEqual([])
})

test('the types of all libraries are complete in the project of a page', () => {
  const files = libraries.map(({ name }) => project.write(`entries/${name}.types.ts`, `export * from '${name}'`))
  expect(typeErrors(files, project.folder, [])).toEqual([])
})

/** A module that exports all that the libraries offer, from every entry. */
const allTypes = () =>
  libraries.flatMap(({ name, entries }) =>
    entries.map(entry => project.write(`entries/${name}/${entry || 'main'}.all.ts`, `export * from '${name}${entry}'`)),
  )

test('the types of all libraries are whole in a strict project of Node, without those of pages', () => {
  expect(typeErrors(allTypes(), project.folder, ['node'], ofNode)).toEqual([])
})

test('an option may be given as undefined, which is as if it were left out', () => {
  expect(optionsWithoutUndefined(allTypes())).toEqual([])
})

describe('a minified bundle runs the kernels', () => {
  const fixture = readFileSync(new URL('../fixtures/forward.ts', import.meta.url), 'utf8')
  let forward: string
  beforeAll(() => {
    forward = project.write('forward.ts', fixture)
  })

  test.each(['cpu', 'webasm'])('on %s, with the result of an unminified one', async device => {
    const results = [false, true].map(async minify => {
      const outfile = join(project.folder, `forward-${device}-${minify}.mjs`)
      await build({ entryPoints: [forward], outfile, minify, bundle: true, format: 'esm', platform: 'node' })
      const call = `import(${JSON.stringify(outfile)}).then(module => module.default('${device}'))`
      const printed = await run(
        process.execPath,
        ['-e', `${call}.then(y => console.log(JSON.stringify(y)))`],
        project.folder,
      )
      return JSON.parse(printed) as number[]
    })
    const [plain, minified] = await Promise.all(results)
    expect(minified).toEqual(plain)
    expect(minified).toHaveLength(33)
    expect(sum(minified)).toBeCloseTo(3, 5)
  })

  test.skipIf(!chromium).each(['webgl2', 'webgpu', 'webasm'])('on %s in Chromium', async device => {
    const results = [false, true].map(minify => runInBrowser({ entry: forward, input: device, minify }))
    const [plain, minified] = (await Promise.all(results)) as number[][]
    expect(minified).toEqual(plain)
    expect(sum(minified)).toBeCloseTo(3, 5)
  })
})

test('a bundle runs where there is no Symbol.dispose, as in Safari', async () => {
  const entry = project.write('scopes.ts', readFileSync(new URL('../fixtures/scopes.ts', import.meta.url), 'utf8'))
  const options = { bundle: true, platform: 'browser', target: 'es2022', write: false } as const
  const define = { 'import.meta.url': '"file:///page.js"' }
  const { outputFiles } = await build({ entryPoints: [entry], ...options, define, format: 'iife', globalName: 'page' })
  const { dispose, asyncDispose, ...older } = Object.getOwnPropertyDescriptors(Symbol)
  expect([dispose, asyncDispose]).not.toContain(undefined)
  const olderSymbol = Object.defineProperties((name?: string) => Symbol(name), older)
  const run = (symbol: unknown) => new Function('Symbol', `${outputFiles[0].text}; return page.default()`)(symbol)
  for (const symbol of [olderSymbol, Symbol]) expect(await run(symbol)).toEqual({ values: [3, 6], left: 0 })
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
