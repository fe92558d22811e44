import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { type LlamaWeights, writeHuggingFace } from '@cria/llama'
import { cacheFolder } from '../folders'
import { syntheticGguf } from '../synthetic/file'
import { syntheticSizes } from '../synthetic/sizes'
import { syntheticLlama } from '../synthetic/weights'

/** A model of random f16 weights on disk. */
export interface LoadFile {
  readonly format: string
  /** A file, or a folder in Hugging Face's layout. */
  readonly path: string
  /** Bytes of the one large file. */
  readonly bytes: number
}

/** TinyLlama's layers, as many as fill the file: in f16 each has 88 MB, and the rest of the model 262 MB. */
const modelOf = (gigabytes: number): LlamaWeights => {
  const n_layers = Math.max(1, Math.round((gigabytes * 1e9 - 262e6) / 88e6))
  return syntheticLlama(`${n_layers} layers`, { ...syntheticSizes['1b'], n_layers })
}

/** A Hugging Face folder in the cache folder. It is written once. */
export const safetensorsFile = async (gigabytes: number): Promise<LoadFile> => {
  const model = modelOf(gigabytes)
  const path = join(cacheFolder, `${model.config.n_layers}-layers-f16`)
  const options = { dtype: 'f16', maxShardBytes: Number.POSITIVE_INFINITY } as const
  if (!existsSync(path)) await saveFiles(path, writeHuggingFace(model, options))
  return { format: 'safetensors', path, bytes: (await stat(join(path, 'model.safetensors'))).size }
}

/** A GGUF file in the cache folder. It is written once. */
export const ggufFile = async (gigabytes: number): Promise<LoadFile> => {
  const model = modelOf(gigabytes)
  const path = join(cacheFolder, `${model.config.n_layers}-layers-f16.gguf`)
  if (!existsSync(path)) await saveFile(path, syntheticGguf(model, 'f16'))
  return { format: 'GGUF', path, bytes: (await stat(path)).size }
}

/** Whether this machine's Python has safetensors. */
export const hasPythonSafetensors = (): Promise<boolean> =>
  promisify(execFile)('python3', ['-c', 'import numpy, safetensors']).then(
    () => true,
    () => false,
  )
