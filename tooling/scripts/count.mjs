import { existsSync, readFileSync } from 'node:fs'

/**
 * Counts the tests of a vitest JSON report.
 * A file that did not load counts as one failure, and so does a run that ended badly for another reason.
 *
 * @param {string} report path of the report; where there is none, the run itself has failed
 * @param {number} status exit code of the run
 * @returns {{ passed: number, failed: number, skipped: string[] }} skipped: the names
 */
export function countTests(report, status) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] }
  const { testResults: files } = JSON.parse(readFileSync(report, 'utf8'))
  const names = wanted =>
    files.flatMap(file => file.assertionResults.filter(test => test.status === wanted).map(test => test.fullName))
  const unloaded = files.filter(
    file => file.status === 'failed' && file.assertionResults.every(test => test.status !== 'failed'),
  )
  const failed = names('failed').length + unloaded.length
  return {
    passed: names('passed').length,
    failed: failed || Number(status !== 0),
    skipped: ['skipped', 'pending', 'todo'].flatMap(names),
  }
}
