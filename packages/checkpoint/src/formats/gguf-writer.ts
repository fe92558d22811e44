import type { Checkpoint, GgufVocabulary } from '../checkpoint'
import type { ModelConfig } from '../config'
import { byteLength, elementCount, storageDType, type WeightDType } from '../dtypes'
import { ConversionError } from '../errors'
import { type Weight, weightsOf } from '../names'
import type { OutputFile } from '../output-file'
import { configEntries } from './gguf-config'
import { GgufOutput } from './gguf-output'
import { defaultAlignment, type GgufEntry, ggufMagic, tensorTypes } from './gguf-types'
import { padVocabulary, vocabularyEntries } from './gguf-vocabulary'

export interface WriteGgufOptions {
  /** The type of the matrices; f32 by default. Norms stay f32, and rows that no block divides become f16. */
  readonly dtype?: WeightDType
  /** The tokenizer to put inside; by default the checkpoint's own, if that came from a GGUF file. */
  readonly vocabulary?: GgufVocabulary | undefined
  /** `general.name`. */
  readonly modelName?: string
}

interface PlacedWeight {
  readonly weight: Weight
  readonly dtype: WeightDType
  readonly offset: number
  readonly bytes: number
}

const align = (offset: number) => Math.ceil(offset / defaultAlignment) * defaultAlignment

const place = (config: ModelConfig, dtype: WeightDType): PlacedWeight[] => {
  let offset = 0
  return [...weightsOf(config)].map(weight => {
    const stored = storageDType(weight.shape, dtype)
    const bytes = byteLength(stored, elementCount(weight.shape) ?? 0)
    const placed = { weight, dtype: stored, offset, bytes }
    offset = align(offset + bytes)
    return placed
  })
}

const typeNumber = (dtype: WeightDType) =>
  Number(Object.keys(tensorTypes).find(number => tensorTypes[Number(number)] === dtype))

const writeHeader = (entries: readonly GgufEntry[], weights: readonly PlacedWeight[]): Uint8Array<ArrayBuffer> => {
  const out = new GgufOutput()
  out.number('u32', ggufMagic)
  out.number('u32', 3)
  out.number('u64', weights.length)
  out.number('u64', entries.length)
  for (const [key, value] of entries) {
    out.string(key)
    out.value(value)
  }
  for (const { weight, dtype, offset } of weights) {
    out.string(weight.gguf)
    out.number('u32', weight.shape.length)
    for (const size of [...weight.shape].reverse()) out.number('u64', size)
    out.number('u32', typeNumber(dtype))
    out.number('u64', offset)
  }
  return out.padded(defaultAlignment)
}

/**
 * A GGUF version 3 file with the tokenizer inside, as llama.cpp reads it. Throws a `ConversionError` where GGUF cannot
 * say what the config does (dynamic rope scaling), or the vocabulary has more pieces than the model. Where it has fewer,
 * unused pieces make up the rest, for llama.cpp wants one for each row of the embedding.
 */
export const writeGguf = (
  checkpoint: Checkpoint,
  { dtype = 'f32', vocabulary = ownVocabulary(checkpoint), modelName = 'llama' }: WriteGgufOptions = {},
  name = 'model.gguf',
): OutputFile => {
  const { config, name: file } = checkpoint
  if (vocabulary && vocabulary.tokens.length > config.vocab_size) {
    throw new ConversionError(
      { file, field: 'vocabulary' },
      `has ${vocabulary.tokens.length} pieces, but the model has ${config.vocab_size}; give the tokenizer of this model`,
    )
  }
  const weights = place(config, dtype)
  const entries = configEntries(config, modelName, dtype, file)
  if (vocabulary) entries.push(...vocabularyEntries(padVocabulary(vocabulary, config.vocab_size)))
  const header = writeHeader(entries, weights)
  const last = weights[weights.length - 1]
  return {
    name,
    size: header.length + align(last.offset + last.bytes),
    async *chunks({ signal } = {}) {
      yield header.slice()
      for (const { weight, dtype, bytes } of weights) {
        const { data } = await checkpoint.read(weight.meta, { dtype, signal })
        yield new Uint8Array(data.buffer)
        if (align(bytes) > bytes) yield new Uint8Array(align(bytes) - bytes)
      }
    },
  }
}

const ownVocabulary = ({ vocabulary }: Checkpoint) => (vocabulary?.kind === 'gguf' ? vocabulary : undefined)
