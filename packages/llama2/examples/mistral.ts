// Mistral 7B (Jiang et al. 2023) as an architecture of your own: LLaMA's names and layers, and a sliding window. It loads
// safetensors folders and GGUF files.
//
//   const model = await loadModel('./Mistral-7B-v0.1', { architectures: [mistral] })

import { type Checkpoint, ggufFields, UnsupportedModelError } from '@cria/checkpoint'
import {
  type Architecture,
  hasModelType,
  isDerivedTensor,
  llamaTensors,
  type ResolvedConfig,
  readLlamaConfig,
} from '@cria/llama'
import { llama2 } from '@cria/llama2'

export interface MistralConfig extends ResolvedConfig {
  /** Tokens that each one sees, itself among them; undefined where it sees all, as from version 0.2 on. */
  readonly sliding_window: number | undefined
}

const SETTING = 'sliding_window'

/** What the file says of the window: `sliding_window` in config.json, `mistral.attention.sliding_window` in GGUF. */
const windowOf = ({ metadata }: Checkpoint): number | undefined => {
  const field = metadata.kind === 'gguf' ? `mistral.attention.${SETTING}` : SETTING
  const value =
    metadata.kind === 'gguf'
      ? ggufFields(metadata.entries, metadata.file).number(field)
      : metadata.kind === 'huggingface'
        ? metadata.config[field]
        : undefined
  if (value === undefined || value === null) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw new UnsupportedModelError({ file: metadata.file, field }, `is ${value}, expected a whole number of at least 1`)
}

export const mistral: Architecture<MistralConfig> = {
  name: 'mistral',
  matches: metadata => hasModelType(metadata, 'mistral'),
  config: async checkpoint => ({
    ...(await readLlamaConfig(checkpoint, { handled: [SETTING] })),
    sliding_window: windowOf(checkpoint),
  }),
  tensors: llamaTensors,
  isDerived: isDerivedTensor,
  build: (device, config) => llama2(device, config, { window: config.sliding_window }),
}
