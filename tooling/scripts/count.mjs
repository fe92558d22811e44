import { existsSync, readFileSync } from 'node:fs'
import { remedyFor } from './remedies.mjs'

/**
 * Counts the tests of a vitest JSON report.
 * A file that did not load counts as one failure, and so does a run that failed for any other reason.
 *
 * @param {string} report path of the report; if it does not exist, the run failed
 * @param {number} status exit code of the run
 * @returns {{ passed: number, failed: number, skipped: { name: string, tests: number, remedy: string | undefined }[] }} skipped:
 *   what one reason skips, and what makes it run
 */
export function countTests(report, status) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] }
  const { testResults: files } = JSON.parse(readFileSync(report, 'utf8'))
  const count = wanted => files.flatMap(file => file.assertionResults.filter(test => test.status === wanted)).length
  const unloaded = files.filter(
    file => file.status === 'failed' && file.assertionResults.every(test => test.status !== 'failed'),
  )
  const failed = count('failed') + unloaded.length
  return {
    passed: count('passed'),
    failed: failed || Number(status !== 0),
    skipped: files.flatMap(skippedOf),
  }
}

const isSkipped = ({ status }) => ['skipped', 'pending', 'todo'].includes(status)

/**
 * The skipped tests of a file, one entry for those with one name: the outermost `describe` that was skipped as a whole; else
 * the test's own name up to a colon, after which parametrised tests say their case.
 */
function skippedOf({ name: file, assertionResults: tests }) {
  const groups = new Map()
  for (const test of tests.filter(isSkipped)) {
    const path = [...test.ancestorTitles, test.title]
    const within = depth =>
      tests.filter(other => path.slice(0, depth).every((name, i) => other.ancestorTitles[i] === name))
    const whole = test.ancestorTitles.findIndex((_, i) => within(i + 1).every(isSkipped))
    const name = (whole < 0 ? path : path.slice(0, whole + 1)).join(' > ').split(': ')[0]
    const group = groups.get(name) ?? { name, tests: 0, remedy: remedyFor(readFileSync(file, 'utf8'), path) }
    groups.set(name, { ...group, tests: group.tests + 1 })
  }
  return [...groups.values()]
}
