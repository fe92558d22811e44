import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countTests } from './count.mjs'

let folder
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-count-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A report as vitest writes it, of files that hold tests of these states. */
function report(...files) {
  const path = join(folder, 'report.json')
  const source = join(folder, 'skips.test.ts')
  writeFileSync(source, "describe.skipIf(!chromium)('kernels, which need a GPU', tests)")
  const testResults = files.map(states => ({
    name: source,
    status: states.length === 0 || states.includes('failed') ? 'failed' : 'passed',
    assertionResults: states.map((state, i) =>
      typeof state === 'string' ? { status: state, ancestorTitles: [], title: `${state} ${i}` } : state,
    ),
  }))
  writeFileSync(path, JSON.stringify({ testResults }))
  return path
}

test('tests are counted by outcome, and the skipped ones are named', () => {
  const path = report(['passed', 'passed', 'failed'], ['passed', 'skipped', 'todo'])
  expect(countTests(path, 1)).toEqual({
    passed: 3,
    failed: 1,
    skipped: [
      { name: 'skipped 1', tests: 1, remedy: undefined },
      { name: 'todo 2', tests: 1, remedy: undefined },
    ],
  })
})

test('tests that are skipped for one reason are one entry', () => {
  const skipped = (...path) => ({ status: 'skipped', ancestorTitles: path.slice(0, -1), title: path.at(-1) })
  const passed = (...path) => ({ ...skipped(...path), status: 'passed' })
  const file = [
    skipped('kernels, which need a GPU', 'add'),
    skipped('kernels, which need a GPU', 'matmul', 'large'),
    passed('ops', 'on cpu'),
    skipped('ops', 'on webgpu: add'),
    skipped('ops', 'on webgpu: matmul'),
    skipped('ops', 'in Chromium', 'add'),
    skipped('ops', 'in Chromium', 'matmul'),
  ]
  expect(countTests(report(file), 0).skipped).toEqual([
    {
      name: 'kernels, which need a GPU',
      tests: 2,
      remedy: 'install Chromium, or set CRIA_CHROMIUM to its path',
    },
    { name: 'ops > on webgpu', tests: 2, remedy: undefined },
    { name: 'ops > in Chromium', tests: 2, remedy: undefined },
  ])
})

test('a file that does not load is a failure', () => {
  expect(countTests(report(['passed'], []), 1)).toEqual({ passed: 1, failed: 1, skipped: [] })
})

test('a run that fails without a failed test is a failure', () => {
  expect(countTests(report(['passed']), 1)).toEqual({ passed: 1, failed: 1, skipped: [] })
  expect(countTests(report(['passed']), 0)).toEqual({ passed: 1, failed: 0, skipped: [] })
})

test('a run that leaves no report is a failure', () => {
  expect(countTests(join(folder, 'absent.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: [] })
})
