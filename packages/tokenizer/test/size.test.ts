import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('the size that the package adds to a page is printed, and under its limit', () => {
  const size = fileURLToPath(new URL('../size.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [size], { encoding: 'utf8' })
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/read a file, encode, decode +\d+ bytes \(limit 24000\)/)
})
