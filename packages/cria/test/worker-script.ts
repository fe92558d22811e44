import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The script of the package's worker as one module, bundled from sources: for Node, or for a page. */
export const bundleWorker = async (platform: 'node' | 'browser'): Promise<Uint8Array> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../src/worker/worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    target: 'es2022',
    conditions: ['@cria/source'],
    external: ['node:*', 'gl', 'webgpu'],
    loader: { '.gguf': 'empty' }, // the embedded model is not asked for here
    logLevel: 'silent',
    ...(platform === 'node' && {
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    }),
  })
  return outputFiles[0].contents
}

/** The script in its own file, for as long as a test needs it. */
export const workerFile = async (): Promise<AsyncDisposable & { readonly url: URL }> => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-worker-'))
  const path = join(folder, 'worker.mjs')
  await writeFile(path, await bundleWorker('node'))
  return { url: new URL(`file://${path}`), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}
