import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The tests of the package in whose folder Stryker runs.

const root = fileURLToPath(new URL('../..', import.meta.url))
const name = basename(process.cwd())

/** Tests of its files that stand in a package above. */
const above = { checkpoint: ['packages/llama/test/checkpoint/**/*.test.ts'] }[name] ?? []

export default defineConfig({
  root,
  resolve: { conditions: ['@cria/source'] },
  ssr: { resolve: { conditions: ['@cria/source'] } },
  test: {
    include: [`packages/${name}/{src,test}/**/*.test.ts`, ...above],
    // Random files, memory and browsers: slow, or not the same in each run.
    exclude: ['**/fuzz.test.ts', '**/memory.test.ts', '**/abort.test.ts', '**/browser.test.ts'],
    testTimeout: 120_000,
    // One import of the tests serves all faults.
    isolate: false,
    fileParallelism: false,
  },
})
