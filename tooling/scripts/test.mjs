// `npm test`: set-up, build, lint, types and every test of the workspace. The last line is the count.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, install, requireNode, step, turbo } from './setup.mjs'

requireNode()
install()
// It imports packages, which are there only now.
const { countTests } = await import('./count.mjs')

const checks = {
  build: () => build('--continue'),
  lint: () => step('biome', ['check', '.']),
  unused: () => step('knip', ['--no-progress']),
  manifests: () => step('sherif', []),
  types: () => turbo('typecheck', '--continue'),
}
const outcomes = Object.entries(checks).map(([name, check]) => ({ name, passed: check() === 0 }))

const folder = mkdtempSync(join(tmpdir(), 'cria-tests-'))
const report = join(folder, 'report.json')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
const status = step('vitest', ['run', ...reporters, ...process.argv.slice(2)], { stdio: 'inherit' })
const tests = countTests(report, status)
rmSync(folder, { recursive: true })

for (const { name, tests: count, remedy } of tests.skipped)
  console.log(`skipped (${count === 1 ? '1 test' : `${count} tests`}): ${name}${remedy ? `. To run: ${remedy}` : ''}`)
for (const { name, passed } of outcomes) if (!passed) console.log(`failed: ${name}`)
const failed = tests.failed + outcomes.filter(outcome => !outcome.passed).length
const passed = tests.passed + outcomes.filter(outcome => outcome.passed).length
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
