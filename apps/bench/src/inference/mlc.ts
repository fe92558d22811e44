import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResolvedConfig } from '@cria/llama'
import { PeerFolder } from './peer-folder'

/** A model as WebLLM loads it. */
export interface MlcModel {
  readonly folder: string
  /** MLC's name of how weights are held, such as `q4f16_1`. */
  readonly quantization: string
  /** The name of the model's code for WebGPU, a file of the folder. */
  readonly library: string
}

const CONFIG = 'mlc-chat-config.json'

/**
 * Finds a model that MLC compiled: its config, its weights, and the library that is its code.
 * @throws UsageError unless the folder has them all, and the sizes of `config`
 */
export const findMlc = async (path: string, config: ResolvedConfig): Promise<MlcModel> => {
  const folder = new PeerFolder(path, '--mlc')
  const { model_config: sizes, quantization } = await folder.readJson(CONFIG)
  folder.requireSizes(Object(sizes), config)
  if (typeof quantization !== 'string') return folder.refuse(`its ${CONFIG} names no quantization`)
  if (!existsSync(join(folder.path, 'tensor-cache.json'))) folder.refuse('it has no weights (tensor-cache.json)')
  const libraries = (await readdir(folder.path)).filter(name => name.endsWith('.wasm'))
  if (libraries.length !== 1)
    folder.refuse(`it has ${libraries.length} files that end in .wasm; put the model's library for WebGPU there, alone`)
  return { folder: folder.path, quantization, library: libraries[0] }
}
