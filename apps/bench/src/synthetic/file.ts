import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type WeightDType, writeGguf } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import { cacheFolder } from '../folders'
import { type SyntheticSize, syntheticSizes } from './sizes'
import { syntheticVocabulary } from './vocabulary'
import { syntheticCheckpoint } from './weights'

/** The path of a GGUF of random weights of this size and type, written first if it is not there. */
export const syntheticModel = async (size: SyntheticSize, dtype: WeightDType): Promise<string> => {
  const path = join(cacheFolder, `${size}-${dtype}.gguf`)
  if (!existsSync(path)) {
    const checkpoint = syntheticCheckpoint(`synth:${size}`, syntheticSizes[size])
    const vocabulary = syntheticVocabulary(checkpoint.config.vocab_size)
    await saveFile(path, writeGguf(checkpoint, { dtype, vocabulary, modelName: `synthetic ${size}` }))
  }
  return path
}
