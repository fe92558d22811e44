// Mutation tests, run by hand in the folder of a package: CONTRIBUTING.md has the command.

export default {
  testRunner: 'vitest',
  vitest: { configFile: '../../tooling/mutation/vitest.config.mjs' },
  mutate: ['src/**/*.ts', '!src/**/*.test.ts', '!src/**/index.ts'],
  coverageAnalysis: 'perTest',
  // A module's own statements run before any test: each such fault would take a run of all tests.
  ignoreStatic: true,
  // The links between the packages of the workspace are relative, so a copy of one package would not find the others.
  inPlace: true,
  concurrency: 1,
  timeoutMS: 15_000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { logTests: false, reportTests: false },
}
