import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readWorkspace } from './workspace'

// Commands that the documentation and the workflows name.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { manifests } = readWorkspace(root)

const filesOf = (folder: string, ending: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { withFileTypes: true })
        .filter(entry => entry.isFile() && entry.name.endsWith(ending))
        .map(({ name }) => join(folder, name))
    : []
const foldersOf = (area: string): string[] =>
  readdirSync(join(root, area), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => join(area, name))

const pages = ['apps/docs/pages', ...foldersOf('apps/docs/pages')]
const documents = ['', ...pages, ...['packages', 'apps', 'examples', 'tooling'].flatMap(foldersOf)].flatMap(folder =>
  filesOf(folder, '.md'),
)

/** The lines of a document's shell blocks, and what stands in back-quotes. */
const shellOf = (text: string): string[] => [
  ...Array.from(text.matchAll(/```sh\n(.*?)```/gs), ([, block]) => block.replaceAll('\\\n', ' ').split('\n')).flat(),
  ...Array.from(text.replaceAll(/```.*?```/gs, '').matchAll(/`([^`\n]+)`/g), ([, span]) => span),
]

/** The commands for pnpm, without `pnpm` and without what follows them in the line. */
const pnpmCommands = (lines: readonly string[]): string[][] =>
  lines
    .flatMap(line => line.replace(/\s#.*/, '').split(/&&|;|\|/))
    .map(command => command.trim().split(/\s+/))
    .flatMap(([first, ...words]) => {
      const args = first === 'npx' ? words.slice(1) : words
      const program = first === 'npx' ? words[0] : first
      return program === 'pnpm' && args.length > 0 ? [args] : []
    })

const scriptsOf = (name?: string): Readonly<Record<string, string>> =>
  (Object.values(manifests).find(manifest => manifest.name === (name ?? 'cria-monorepo')) as { scripts?: object })
    .scripts as Record<string, string>

/** What is wrong with a command; undefined if it runs a script that exists, or is pnpm's own. */
const problemOf = (args: readonly string[]): string | undefined => {
  const [first, second, third] = args
  if (first === '--filter')
    return Object.hasOwn(scriptsOf(second), third) ? undefined : `${second} has no script ${third}`
  if (first === 'run') return Object.hasOwn(scriptsOf(), second) ? undefined : `no script ${second}`
  // Under `pnpm exec`, turbo finds pnpm by a relative path, and then looks for it in the folder of each package.
  if (first === 'exec') return second === 'turbo' ? 'turbo does not run under pnpm exec: use a script' : undefined
  const own = ['install', 'changeset', '-r']
  return own.includes(first) || Object.hasOwn(scriptsOf(), first) ? undefined : `no script ${first}`
}

const problems = (commands: readonly string[][], file: string) =>
  commands.flatMap(args => {
    const problem = problemOf(args)
    return problem ? [`${file}: pnpm ${args.join(' ')}: ${problem}`] : []
  })

test('every pnpm command of the documents runs a script that exists', () => {
  const found = documents.map(file => [file, pnpmCommands(shellOf(readFileSync(join(root, file), 'utf8')))] as const)
  expect(found.flatMap(([, commands]) => commands).length).toBeGreaterThan(40)
  expect(found.flatMap(([file, commands]) => problems(commands, file))).toEqual([])
})

test('every pnpm command of the workflows runs a script that exists', () => {
  const workflows = filesOf('.github/workflows', '.yml')
  const found = workflows.map(file => {
    const runs = Array.from(readFileSync(join(root, file), 'utf8').matchAll(/run: (.*)/g), ([, line]) => line)
    return [file, pnpmCommands(runs)] as const
  })
  expect(found.flatMap(([, commands]) => commands).length).toBeGreaterThan(3)
  expect(found.flatMap(([file, commands]) => problems(commands, file))).toEqual([])
})

test.each<[string, string | undefined]>([
  ['pnpm build --filter=@cria/bench', undefined],
  ['npx pnpm install', undefined],
  ['pnpm --filter @cria/demo build', undefined],
  ['pnpm build && pnpm exec turbo run build', 'turbo does not run under pnpm exec: use a script'],
  ['pnpm turbo run build', 'no script turbo'],
  ['pnpm --filter @cria/demo paint', '@cria/demo has no script paint'],
])('%s: %s', (line, problem) => {
  expect(pnpmCommands([line]).map(problemOf).find(Boolean)).toBe(problem)
})
