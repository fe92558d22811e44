import { defineProject } from 'vitest/config'

/** Tests of a package import the sources of other packages, so no build is needed after an edit. */
export const library = (test = {}) =>
  defineProject({
    resolve: { conditions: ['@cria/source'] },
    ssr: { resolve: { conditions: ['@cria/source'] } },
    test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 120_000, ...test },
  })

/** Tests of an app run against the built packages, in the shape that users install. */
export const app = (test = {}) =>
  defineProject({ test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 120_000, ...test } })
