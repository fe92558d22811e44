import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { budgets, errorsBudget } from './budgets'
import { publishedPackages } from './project'
import { type Size, sizeOf, sizeTable } from './sizes'
import { userProject as project } from './user-project'

const rows: { name: string; size: Size; budget: number }[] = []
afterAll(() => console.log(sizeTable(rows)))

/** An option of gpu.js, a call of WebGPU, and the first bytes of WebAssembly in base64: each device contains one of them. */
const devices = /loopMaxIterations|requestAdapter|AGFzbQ/

test.each(budgets)('$name is within its budget', async ({ name, code, budget }) => {
  const size = await sizeOf(code, project.folder)
  rows.push({ name, size, budget })
  expect(size.atOnce).toBeLessThanOrEqual(budget)
  // @cria/simd-kernels is the code of a device, and nothing else.
  if (name !== '@cria/simd-kernels') expect(size.code.atOnce.match(devices)).toBeNull()
})

/** The names of the error classes that an installed package exports. */
const errorsOf = async (name: string): Promise<string[]> => {
  const { resolve } = createRequire(join(project.folder, 'package.json'))
  const exported: Record<string, unknown> = await import(pathToFileURL(resolve(name)).href)
  return Object.keys(exported).filter(key => (exported[key] as { prototype?: unknown })?.prototype instanceof Error)
}

// One file: with splitting, esbuild makes a chunk of each dynamic import, also of those in files of which nothing is used.
test.each(publishedPackages.filter(({ isLibrary }) => isLibrary))(
  '$name: error classes load nothing else',
  async ({ name }) => {
    const errors = await errorsOf(name)
    const size = await sizeOf(`export { ${errors.join(', ')} } from '${name}'`, project.folder, false)
    if (errors.length > 0) rows.push({ name: `${name}: error classes`, size, budget: errorsBudget })
    expect(size.atOnce).toBeLessThanOrEqual(errorsBudget)
  },
)

test('devices are found by these marks in the chunks that load later', async () => {
  const { code } = await sizeOf("export { openDevice } from '@cria/tensor'", project.folder)
  for (const mark of devices.source.split('|')) expect(code.later).toContain(mark)
})
