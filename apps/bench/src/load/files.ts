import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Checkpoint, writeGguf, writeHuggingFace } from '@cria/checkpoint'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { cacheFolder } from '../folders'
import { syntheticSizes } from '../synthetic/sizes'
import { syntheticVocabulary } from '../synthetic/vocabulary'
import { syntheticCheckpoint } from '../synthetic/weights'

/** A checkpoint of random f16 weights on disk. */
export interface LoadFile {
  readonly format: string
  /** A file, or a folder in Hugging Face's layout. */
  readonly path: string
  /** Bytes of the one large file. */
  readonly bytes: number
}

/** TinyLlama's shapes with as many layers as fill the file: in f16 each takes 88 MB, and what is no layer 262 MB. */
const checkpointOf = (gigabytes: number): Checkpoint => {
  const n_layers = Math.max(1, Math.round((gigabytes * 1e9 - 262e6) / 88e6))
  return syntheticCheckpoint(`${n_layers} layers`, { ...syntheticSizes['1b'], n_layers })
}

/** Written into the cache folder first, if it is not there. */
export const safetensorsFile = async (gigabytes: number): Promise<LoadFile> => {
  const checkpoint = checkpointOf(gigabytes)
  const path = join(cacheFolder, `${checkpoint.config.n_layers}-layers-f16`)
  const options = { dtype: 'f16', maxShardBytes: Number.POSITIVE_INFINITY } as const
  if (!existsSync(path)) await saveFiles(path, await writeHuggingFace(checkpoint, options))
  return { format: 'safetensors', path, bytes: (await stat(join(path, 'model.safetensors'))).size }
}

/** Written into the cache folder first, if it is not there. */
export const ggufFile = async (gigabytes: number): Promise<LoadFile> => {
  const checkpoint = checkpointOf(gigabytes)
  const { n_layers, vocab_size } = checkpoint.config
  const path = join(cacheFolder, `${n_layers}-layers-f16.gguf`)
  const vocabulary = syntheticVocabulary(vocab_size)
  if (!existsSync(path)) await saveFile(path, writeGguf(checkpoint, { dtype: 'f16', vocabulary }))
  return { format: 'GGUF', path, bytes: (await stat(path)).size }
}

/** Whether this machine's Python can be compared with. */
export const hasPythonSafetensors = (): Promise<boolean> =>
  promisify(execFile)('python3', ['-c', 'import numpy, safetensors']).then(
    () => true,
    () => false,
  )
