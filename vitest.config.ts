import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// By default vitest leaves one core free: on two cores, half of the machine. Many tests wait for a browser or a program.
export default defineConfig({
  test: { maxWorkers: availableParallelism() + 1, projects: ['packages/*', 'apps/*', 'tooling/*/vitest.config.ts'] },
})
