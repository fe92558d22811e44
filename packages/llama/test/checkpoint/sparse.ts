import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { writeGguf } from '../../src/checkpoint'
import { type ResolvedConfig, resolveConfig } from '../../src/config'
import { tinyModel } from './tiny'

/** One layer of 32 heads: most of the model is its vocabulary. */
export const wideConfig = (dim: number, vocab_size: number): ResolvedConfig =>
  resolveConfig({ dim, n_layers: 1, n_heads: 32, vocab_size, hidden_dim: 2 * dim, norm_eps: 1e-5, max_seq_len: 128 })

/** A GGUF file, until the test ends, of a model whose weights are zeros, which take no space on disk. */
export const sparseGguf = async (config: ResolvedConfig): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-sparse-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'model.gguf')
  const file = writeGguf({ ...tinyModel(), config, name: 'sparse' })
  const handle = await openFile(path, 'wx')
  for await (const header of file.chunks()) {
    await handle.write(header)
    break
  }
  await handle.truncate(file.size)
  await handle.close()
  return path
}
