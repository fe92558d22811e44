import {
  blockElements,
  type Checkpoint,
  type ModelConfig,
  type TensorData,
  type WeightDType,
  weightsOf,
} from '@cria/checkpoint'

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

/** An array's whole words. A last half word is left as it is. */
const wordsOf = ({ buffer, byteLength }: Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>) =>
  new Uint32Array(buffer, 0, byteLength >> 2)

/** Bytes of a block as GGUF has them: an f16 scale, then the quants. */
const blockBytes = { q8_0: 34, q4_0: 18 }

/** f16 bits of 2^exponent. */
const halfPower = (exponent: number) => (exponent + 15) << 10

/**
 * Random numbers of one magnitude, 2^exponent to twice that, of either sign: sign and mantissa are random bits. The
 * quantised types have one scale for all blocks, and any quants. How fast a model runs does not depend on its values, as
 * long as they stay finite.
 */
export const randomTensor = (
  shape: readonly number[],
  dtype: WeightDType,
  exponent: number,
  seed: number,
): TensorData => {
  const elements = shape.reduce((product, size) => product * size, 1)
  if (dtype === 'f32') {
    const data = new Float32Array(elements)
    const words = new Uint32Array(data.buffer)
    fillRandom(words, seed)
    for (let i = 0; i < elements; i++) words[i] = (words[i] & 0x807fffff) | ((exponent + 127) << 23)
    return { dtype, shape, data }
  }
  if (dtype === 'f16') {
    const data = new Uint16Array(elements)
    fillRandom(wordsOf(data), seed)
    for (let i = 0; i < elements; i++) data[i] = (data[i] & 0x83ff) | halfPower(exponent)
    return { dtype, shape, data }
  }
  const bytes = blockBytes[dtype]
  const data = new Uint8Array((elements / blockElements(dtype)) * bytes)
  fillRandom(wordsOf(data), seed)
  // The largest quant is 127 or 8, and stands for 2^(exponent + 1).
  const scale = halfPower(exponent + 1 - (dtype === 'q8_0' ? 7 : 3))
  for (let at = 0; at < data.length; at += bytes) {
    data[at] = scale & 255
    data[at + 1] = scale >> 8
    // q8_0's quants go from -127 to 127.
    if (dtype === 'q8_0') for (let i = at + 2; i < at + bytes; i++) if (data[i] === 128) data[i] = 129
  }
  return { dtype, shape, data }
}

/** A norm's weights. Only matrices are quantised. */
const ones = (shape: readonly number[], dtype: WeightDType): TensorData =>
  dtype === 'f16'
    ? { dtype, shape, data: new Uint16Array(shape[0]).fill(halfPower(0)) }
    : { dtype: 'f32', shape, data: new Float32Array(shape[0]).fill(1) }

/** A model of random weights, drawn tensor by tensor as they are read: the same each time. */
export const syntheticCheckpoint = (name: string, config: ModelConfig): Checkpoint => {
  const weights = [...weightsOf(config)]
  const tensors = new Map(
    weights.map(({ meta, shape }) => {
      const byteLength = 4 * shape.reduce((product, size) => product * size, 1)
      return [meta, { shape, dtype: 'f32' as const, byteLength }]
    }),
  )
  return {
    format: 'synthetic',
    name,
    config,
    tensors,
    vocabulary: undefined,
    read: async (tensor, { dtype = 'f32' } = {}) => {
      const index = weights.findIndex(({ meta }) => meta === tensor)
      const { shape } = weights[index]
      if (shape.length === 1) return ones(shape, dtype)
      // Rows of deviation 1 / √columns keep activations near 1.
      const exponent = Math.floor(-Math.log2(shape[1]) / 2) - 1
      return randomTensor(shape, dtype, exponent, 0x9e3779b9 ^ (index * 2654435))
    },
    close: async () => {},
  }
}
