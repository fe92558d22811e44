import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../scripts/setup.mjs'

/** A copy of the workspace without its packages and apps. */
let copy
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'cria-generator-'))
  const files = [
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
    'turbo.json',
    'biome.json',
    'vitest.config.ts',
    '.gitignore',
  ]
  const tools = ['generator', 'laws', 'scripts', 'tsconfig', 'tsup', 'vitest'].map(tool => `tooling/${tool}`)
  const filter = path => basename(path) !== 'node_modules'
  for (const path of [...files, ...tools]) cpSync(join(root, path), join(copy, path), { recursive: true, filter })
  for (const area of ['packages', 'apps', '.changeset']) mkdirSync(join(copy, area))
  writeFileSync(join(copy, 'tooling/laws/rooms.json'), '{}')
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

function run(command, ...args) {
  const PATH = `${join(copy, 'node_modules/.bin')}:${process.env.PATH}`
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: copy,
    env: { ...process.env, PATH },
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

const ok = expect.objectContaining({ status: 0 })

test('a new package builds, lints, types, tests and keeps the laws at once', () => {
  expect(run('node', 'tooling/generator/main.mjs', 'rotary', 'Rotary angles')).toEqual(ok)
  expect(run('turbo', 'run', 'build', 'typecheck', '--filter=@cria/rotary')).toEqual(ok)
  expect(existsSync(join(copy, 'packages/rotary/dist/index.js'))).toBe(true)
  expect(run('biome', 'check', 'packages', 'tooling/laws')).toEqual(ok)
  expect(run('vitest', 'run', '--project', '@cria/rotary')).toEqual(ok)
  expect(run('vitest', 'run', '--project', '@cria/laws', 'laws.test', 'imports.test')).toEqual(ok)
  expect(run('node', 'tooling/generator/main.mjs', 'rotary').output).toContain('packages/rotary exists')
})

test.each([[''], ['Rotary'], ['../escape'], ['a', 'b', 'c']])('the name "%s" is refused', (...args) => {
  const { status, output } = run('node', 'tooling/generator/main.mjs', ...args)
  expect(status).toBe(2)
  expect(output).toMatch(/^usage: [^\n]*\n$/)
})
