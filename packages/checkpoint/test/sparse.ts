import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ModelConfig, memorySource, weightsOf, writeGguf } from '../src/index'
import { storedCheckpoint } from '../src/stored-checkpoint'

/** One layer of 32 heads: most of the model is its vocabulary. */
export const wideConfig = (dim: number, vocab_size: number): ModelConfig => ({
  dim,
  n_layers: 1,
  n_heads: 32,
  n_kv_heads: 32,
  vocab_size,
  hidden_dim: 2 * dim,
  norm_eps: 1e-5,
  max_seq_len: 128,
  rope_theta: 10000,
  tied_output: false,
})

/** A GGUF file, until the test ends, of a model whose weights are zeros, which take no room on disk. */
export const sparseGguf = async (config: ModelConfig): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-sparse-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'model.gguf')
  const tensors = new Map(
    [...weightsOf(config)].map(({ meta: name, shape }) => {
      const source = memorySource(new Uint8Array(0))
      return [name, { name, shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] } as const]
    }),
  )
  const model = { format: 'shape', name: 'shape', config, naming: 'meta', tensors } as const
  const file = writeGguf(storedCheckpoint(model, async () => {}))
  const handle = await openFile(path, 'wx')
  for await (const header of file.chunks()) {
    await handle.write(header)
    break
  }
  await handle.truncate(file.size)
  await handle.close()
  return path
}
