import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { expect, test } from 'vitest'
import type devicesAndResults from './no-eval.page'

// Where no code may be made from text, devices that need it are not listed as available, and the others compute.

type Found = Awaited<ReturnType<typeof devicesAndResults>>

const entry = new URL('./no-eval.page.ts', import.meta.url)

const inPage = async (policy: string) => {
  const headers = { ...crossOriginIsolation, 'Content-Security-Policy': policy }
  return (await runInBrowser({ entry, headers })) as Found
}

const reportOf = ({ reports }: Found, name: string) => reports.find(report => report.name === name)

/** The device `cpu` is refused with its reason, and each listed device gives [3, 4] divided by its root mean square. */
const expectHonest = (found: Found) => {
  expect(reportOf(found, 'cpu')).toMatchObject({
    available: false,
    detail: expect.stringMatching(/^its kernels are made from text, which is forbidden here/),
  })
  const listed = found.reports.filter(({ name, available }) => available && name !== 'shape')
  expect(Object.keys(found.results)).toEqual(listed.map(({ name }) => name))
  for (const result of Object.values(found.results)) expect(result).toBe('0.8485,1.1314')
}

test.skipIf(!chromium)('a page that allows WebAssembly but no code from text has simd', async () => {
  const found = await inPage("script-src 'self' 'wasm-unsafe-eval'; worker-src blob:")
  expectHonest(found)
  expect(reportOf(found, 'simd')?.detail).not.toContain('no worker')
  expect(found.auto).toBe('simd')
})

test.skipIf(!chromium)('a page that forbids workers too has simd on one thread, which says why', async () => {
  const found = await inPage("script-src 'self' 'wasm-unsafe-eval'")
  expectHonest(found)
  expect(reportOf(found, 'simd')?.detail).toContain('1 thread (no worker could be started')
  expect(reportOf(found, 'simd')?.detail).toContain('worker-src blob:')
})

test.skipIf(!chromium)('a page that forbids WebAssembly too has the devices of its GPU alone', async () => {
  const found = await inPage("script-src 'self'")
  expectHonest(found)
  expect(Object.keys(found.results)).toEqual(['webgpu', 'webgl2', 'webgl'])
  expect(reportOf(found, 'simd')?.detail).toContain('Content Security')
  expect(found.auto).toMatch(/^device "auto" cannot run here: webgpu: it runs on software/)
})
