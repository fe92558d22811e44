import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { library } from '../vitest/index.mjs'

// The tests of the package in whose folder Stryker runs.

const name = basename(process.cwd())

/** Tests of its files that stand in a package above. */
const above = { checkpoint: ['packages/llama/test/checkpoint/**/*.test.ts'] }[name] ?? []

/**
 * Tests of memory and of whole alphabets, which would take minutes in code that Stryker has changed; and one that replaces a module, which
 * files that share their imports cannot do.
 */
const left = [
  ...['in millions of ways', 'every code point comes back', 'very many user-defined pieces', 'a million empty pieces'],
  'where the system does not say when a process began',
]

export default {
  root: fileURLToPath(new URL('../..', import.meta.url)),
  ...library({
    include: [`packages/${name}/{src,test}/**/*.test.ts`, ...above],
    testNamePattern: new RegExp(`^(?!.*(?:${left.join('|')}))`),
    // Random files, memory and browsers: slow, or not the same in each run.
    exclude: ['**/fuzz.test.ts', '**/memory.test.ts', '**/abort.test.ts', '**/browser.test.ts'],
    // One import of the tests serves all faults.
    isolate: false,
    fileParallelism: false,
  }),
}
