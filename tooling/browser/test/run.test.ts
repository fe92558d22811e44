import { expect, test } from 'vitest'
import { chromium, crossOriginIsolation, runInBrowser } from '../src/index'

const browserTest = test.skipIf(!chromium)
const page = (name: string) => new URL(`./${name}.page.ts`, import.meta.url)

browserTest('a page computes on its input, with files, WebGL2 and a software WebGPU adapter', async () => {
  const run = {
    entry: page('sum'),
    input: { numbers: [1, 2, 39], file: '/three.bin' },
    files: { '/three.bin': new Uint8Array([3, 2, 1]) },
  }
  const expected = { sum: 42, bytes: [3, 2, 1], isolated: false, webgl2: true, webgpu: 'swiftshader' }
  expect(await runInBrowser(run)).toEqual(expected)
  expect(await runInBrowser({ ...run, minify: true, headers: crossOriginIsolation })).toEqual({
    ...expected,
    isolated: true,
  })
})

browserTest('an error in the page is an error here, with the output of the console', async () => {
  await expect(runInBrowser({ entry: page('fail'), input: 'throws' })).rejects.toThrow(
    /no such shape.*warning: before the end/s,
  )
})

browserTest('a page that never answers ends at the timeout', async () => {
  await expect(runInBrowser({ entry: page('fail'), input: 'hangs', timeout: 500 })).rejects.toThrow(
    'no result after 500 ms',
  )
})

browserTest('if the entry cannot be bundled, the error names the file', async () => {
  await expect(runInBrowser({ entry: page('absent') })).rejects.toThrow('absent.page.ts')
})
