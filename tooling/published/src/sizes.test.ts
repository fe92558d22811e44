import { afterAll, expect, test } from 'vitest'
import { budgets } from './budgets'
import { type Size, sizeOf, sizeTable } from './sizes'
import { userProject as project } from './user-project'

const rows: { name: string; size: Size; budget: number }[] = []
afterAll(() => console.log(sizeTable(rows)))

/** An option of gpu.js, a call of WebGPU, and how WebAssembly begins in base64: a device has one of them. */
const devices = /loopMaxIterations|requestAdapter|AGFzbQ/

test.each(budgets)('$name is within its budget', async ({ name, code, budget }) => {
  const size = await sizeOf(code, project.folder)
  rows.push({ name, size, budget })
  expect(size.atOnce).toBeLessThanOrEqual(budget)
  // @cria/simd-kernels is the code of a device, and nothing else.
  if (name !== '@cria/simd-kernels') expect(size.code.atOnce.match(devices)).toBeNull()
})

test('devices are found by their marks in what loads later', async () => {
  const { code } = await sizeOf("export { openDevice } from '@cria/tensor'", project.folder)
  for (const mark of devices.source.split('|')) expect(code.later).toContain(mark)
})
