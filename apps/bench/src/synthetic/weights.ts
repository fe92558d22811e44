import { noGeneration, type TensorData } from '@cria/checkpoint'
import { allocate, byteLength, bytesOf, type DType, elementCount } from '@cria/dtypes'
import { type LlamaConfig, type LlamaWeights, llamaWeights, resolveConfig } from '@cria/llama'
import { shapeBlocks } from './blocks'

/** Fills words with random bits: the generator of Marsaglia (2003), xorshift32. */
const fillRandom = (words: Uint32Array, seed: number): void => {
  let state = seed | 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
}

const sizeOf = (shape: readonly number[]): number => elementCount(shape) as number

/** Exponent bits of 2^exponent, and their position, in the float types. */
const floats = {
  f32: { keep: 0x807fffff, bits: (exponent: number) => (exponent + 127) << 23 },
  bf16: { keep: 0x807f, bits: (exponent: number) => (exponent + 127) << 7 },
  f16: { keep: 0x83ff, bits: (exponent: number) => (exponent + 15) << 10 },
}

const isFloat = (dtype: DType): dtype is keyof typeof floats => Object.hasOwn(floats, dtype)

/**
 * Random numbers of both signs and one magnitude: floats from 2^exponent to twice that, blocks of the same deviation. Speed
 * does not depend on values, as long as they are finite.
 */
export const randomTensor = (shape: readonly number[], dtype: DType, exponent: number, seed: number): TensorData => {
  const data = allocate(dtype, sizeOf(shape))
  const { buffer, byteLength } = data
  const bytes = new Uint8Array(buffer, 0, byteLength)
  // The last bytes, if they are not a whole word, stay 0.
  fillRandom(new Uint32Array(buffer, 0, byteLength >> 2), seed)
  if (isFloat(dtype)) {
    const { keep, bits } = floats[dtype]
    const entries = dtype === 'f32' ? new Uint32Array(buffer) : new Uint16Array(buffer)
    for (let i = 0; i < entries.length; i++) entries[i] = (entries[i] & keep) | bits(exponent)
  } else shapeBlocks(dtype, bytes, 1.5 * 2 ** exponent)
  return { dtype, shape, data } as TensorData
}

/** A norm's weights. */
const ones = (shape: readonly number[], dtype: DType): TensorData => {
  if (!isFloat(dtype)) throw new RangeError(`a vector is held as floats, not as ${dtype}`)
  const data = allocate(dtype, sizeOf(shape))
  const one = floats[dtype].bits(0)
  const entries = dtype === 'f32' ? new Uint32Array(data.buffer) : new Uint16Array(data.buffer)
  entries.fill(one)
  return { dtype, shape, data } as TensorData
}

/** A LLaMA of random weights. Each tensor is drawn when it is read, and is the same each time. */
export const syntheticLlama = (name: string, config: LlamaConfig): LlamaWeights => {
  const resolved = resolveConfig(config)
  const weights = [...llamaWeights(resolved)]
  return {
    name,
    config: resolved,
    generation: noGeneration,
    vocabulary: undefined,
    tensors: new Map(
      weights.map(({ path, shape }) => [
        path,
        { shape, dtype: 'f32', byteLength: byteLength('f32', sizeOf(shape)), shards: 1 },
      ]),
    ),
    read: async (path, { dtype = 'f32' } = {}) => {
      const index = weights.findIndex(weight => weight.path === path)
      const { shape } = weights[index]
      if (shape.length === 1) return ones(shape, dtype)
      // Rows of deviation 1 / √columns keep activations near 1.
      const exponent = Math.floor(-Math.log2(shape[1]) / 2) - 1
      return randomTensor(shape, dtype, exponent, 0x9e3779b9 ^ (index * 2654435))
    },
  }
}

/** The bytes of a weight of a synthetic model in this type. */
export const weightBytes = async (model: LlamaWeights, path: string, dtype: DType): Promise<Uint8Array<ArrayBuffer>> =>
  bytesOf((await model.read(path, { dtype })).data)
