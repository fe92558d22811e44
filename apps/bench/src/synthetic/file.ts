import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type GgufEntry, type OutputFile, vocabularyEntries, writeGgufFile } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import { type LlamaWeights, llamaWeights, type ResolvedConfig } from '@cria/llama'
import { cacheFolder } from '../folders'
import { type SyntheticSize, syntheticSizes } from './sizes'
import { type SyntheticType, storedType } from './types'
import { syntheticVocabulary } from './vocabulary'
import { syntheticLlama, weightBytes } from './weights'

/** The metadata that a reader of GGUF needs to run a LLaMA. */
const configEntries = (name: string, config: ResolvedConfig): GgufEntry[] => [
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['general.name', { type: 'string', value: name }],
  ...Object.entries({
    'general.quantization_version': 2,
    'llama.vocab_size': config.vocab_size,
    'llama.context_length': config.max_seq_len,
    'llama.embedding_length': config.dim,
    'llama.block_count': config.n_layers,
    'llama.feed_forward_length': config.hidden_dim,
    'llama.attention.head_count': config.n_heads,
    'llama.attention.head_count_kv': config.n_kv_heads,
    'llama.rope.dimension_count': config.head_dim,
  }).map(([key, value]): GgufEntry => [key, { type: 'u32', value }]),
  ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: config.norm_eps }],
  ['llama.rope.freq_base', { type: 'f32', value: config.rope_theta }],
]

/**
 * A GGUF file of a synthetic model, in any type of GGUF: random blocks need no encoder, so this writes more types than
 * Cria's own writer.
 */
export const syntheticGguf = (model: LlamaWeights, type: SyntheticType): OutputFile => {
  const { config, name } = model
  return writeGgufFile(
    'model.gguf',
    [...configEntries(name, config), ...vocabularyEntries(syntheticVocabulary(config.vocab_size))],
    [...llamaWeights(config)].map(weight => {
      const dtype = storedType(weight, type, config)
      return { name: weight.gguf, shape: weight.shape, dtype, bytes: () => weightBytes(model, weight.path, dtype) }
    }),
  )
}

/** The path of a GGUF file of random weights of this size and type. It is written once. */
export const syntheticModel = async (size: SyntheticSize, type: SyntheticType): Promise<string> => {
  const path = join(cacheFolder, `${size}-${type}.gguf`)
  if (!existsSync(path))
    await saveFile(path, syntheticGguf(syntheticLlama(`synth:${size}`, syntheticSizes[size]), type))
  return path
}
