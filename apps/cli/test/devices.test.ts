import { expect, test } from 'vitest'
import { cria } from './cria'

test('cria devices says of each device whether it runs, and which one auto takes', async () => {
  const { code, stdout } = await cria(['devices'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^DEVICE +RUNS +ON WHAT, OR WHY NOT\n/)
  expect(stdout).toMatch(/^cpu +yes +gpu\.js/m)
  expect(stdout).toMatch(/^webgl2 +no +it needs a browser$/m)
  // One line for each device, without the problems of other devices.
  const told = [...stdout.matchAll(/^(\w+) +(?:yes|no|if named) /gm)].map(([, name]) => name)
  expect(told).toEqual(['webgpu', 'webgl2', 'webgl', 'headlessgl', 'simd', 'webasm', 'cpu'])
  // What this runtime lacks is said where, and only where, it lacks it.
  expect(/^simd .*; a newer runtime, such as Node 24, has relaxed SIMD/m.test(stdout)).toBe(
    /^simd .*plain SIMD/m.test(stdout),
  )
  const automatic = /^auto takes (\w+), /m.exec(stdout)?.[1]
  expect(stdout).toMatch(new RegExp(`^${automatic} +yes `, 'm'))
})
