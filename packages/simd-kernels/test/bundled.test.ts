import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import everywhere from './everywhere'

const entry = fileURLToPath(new URL('./everywhere.ts', import.meta.url))
const expected = await everywhere({ threads: 1 })
const isolated = 'the page is not cross-origin isolated'

test('minified into one file, it runs in Node, and the process exits', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simd-kernels-'))
  try {
    const outfile = join(folder, 'program.mjs')
    await build({
      stdin: {
        contents: `import everywhere from ${JSON.stringify(entry)}
          console.log(JSON.stringify(await everywhere({ threads: 3 })))`,
        resolveDir: folder,
      },
      outfile,
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'neutral',
    })
    const output = execFileSync(process.execPath, [outfile], { encoding: 'utf8', timeout: 120_000 })
    expect(JSON.parse(output)).toEqual({ ...expected, threads: 3 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.skipIf(!chromium)(
  'minified, it runs in Chromium on two threads where the page is isolated',
  { timeout: 300_000 },
  async () => {
    const run = { entry, input: { threads: 2 }, minify: true, args: [] }
    expect(await runInBrowser({ ...run, headers: crossOriginIsolation })).toEqual({ ...expected, threads: 2 })
  },
)

test.skipIf(!chromium)(
  'and on one thread, with the reason, where it is not isolated',
  { timeout: 300_000 },
  async () => {
    const found = await runInBrowser({ entry, input: { threads: 2 }, minify: true, args: [] })
    expect(found).toEqual({ ...expected, threads: 1, whyOneThread: expect.stringContaining(isolated) })
  },
)
