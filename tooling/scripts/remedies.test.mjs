import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { remedyFor, remedyOf, skipsOf } from './remedies.mjs'

const source = `
  test.skipIf(!hasStories)('a story', () => {})
  describe.skipIf(!chromium || !hasStories)('in a page', () => {
    test('is told', () => {})
  })
  for (const name of devices) {
    test.skipIf(!available)(\`on \${name}\`, () => {})
    test.skipIf(!chromium).each([1, 2])(\`on \${name} in Chromium, %s threads\`, () => {})
  }
  const linuxOnly = test.skipIf(process.platform !== 'linux')
`
const chromium = 'install Chromium, or set CRIA_CHROMIUM to its path'
const data = 'models and texts go into ../shared/data, beside the clone'

test.each([
  [['a story'], data],
  [['in a page', 'is told'], `${chromium}; ${data}`],
  [
    ['on webgl2'],
    '`pnpm cria devices` says what the device lacks on this machine; for a GPU that a processor emulates, set CRIA_EMULATED_GPU=1',
  ],
  [['on webgl2 in Chromium, 2 threads'], chromium],
  [['locks'], 'run on Linux'],
])('the remedy of %j', (path, remedy) => {
  expect(remedyFor(source, path)).toBe(remedy)
})

test('a condition without a known remedy has none', () => {
  expect(remedyOf('!moon')).toBeUndefined()
})

test('every condition that skips tests of this repository has a remedy', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const conditions = ['packages', 'apps', 'tooling']
    .flatMap(area => readdirSync(join(root, area)).map(name => join(root, area, name)))
    .flatMap(folder => [join(folder, 'src'), join(folder, 'test')].filter(existsSync))
    .flatMap(folder => readdirSync(folder, { recursive: true }).map(file => join(folder, file)))
    .filter(file => file.endsWith('.test.ts'))
    .flatMap(file => skipsOf(readFileSync(file, 'utf8')).map(({ condition }) => ({ file, condition })))
  expect(conditions.length).toBeGreaterThan(50)
  expect(conditions.filter(({ condition }) => remedyOf(condition) === undefined)).toEqual([])
})
