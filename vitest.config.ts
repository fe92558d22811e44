import { defineConfig } from 'vitest/config'

// By default vitest leaves one core free: on two cores, half of the machine.
export default defineConfig({
  test: { maxWorkers: '100%', projects: ['packages/*', 'apps/*', 'tooling/*/vitest.config.ts'] },
})
