import { type DType, dtypes, halfToFloat } from '@cria/dtypes'
import type { TensorData } from '../../device'
import { ShapeError } from '../../errors'
import { asMatrix, format } from '../../shape'
import type { Spec } from '../../spec'

/** The types in which shaders read weights. */
export const readableTypes = ['f32', 'f16', 'q8_0', 'q4_0'] as const satisfies readonly DType[]

/**
 * How shaders read four neighbouring elements of a weight, `weightQuad(row, quad)`, from words in which no block straddles a word:
 * GGUF's blocks are taken apart at upload, the values first, row by row, then all scales as f32.
 * `params.size` is the quads of a row, `params.scales` the word at which the scales begin.
 */
const weightReaders: Readonly<
  Record<(typeof readableTypes)[number], { readonly binding: string; readonly code: string }>
> = {
  f32: {
    binding: 'array<vec4<f32>>',
    code: 'fn weightQuad(row: u32, quad: u32) -> vec4<f32> { return weight[row * params.size + quad]; }',
  },
  f16: {
    binding: 'array<vec2<u32>>',
    code: `fn weightQuad(row: u32, quad: u32) -> vec4<f32> {
  let words = weight[row * params.size + quad];
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`,
  },
  q8_0: {
    binding: 'array<u32>',
    code: `fn weightQuad(row: u32, quad: u32) -> vec4<f32> {
  let word = bitcast<i32>(weight[row * params.size + quad]);
  let values = vec4<i32>(
    extractBits(word, 0u, 8u), extractBits(word, 8u, 8u), extractBits(word, 16u, 8u), extractBits(word, 24u, 8u));
  return vec4<f32>(values) * bitcast<f32>(weight[params.scales + (row * params.size + quad) / 8u]);
}`,
  },
  q4_0: {
    binding: 'array<u32>',
    // A block's four words hold elements 0 to 15 in the low halves of their bytes, 16 to 31 in the high ones.
    code: `fn weightQuad(row: u32, quad: u32) -> vec4<f32> {
  let block = (row * params.size + quad) / 8u;
  let word = weight[block * 4u + quad % 4u] >> select(0u, 4u, quad % 8u >= 4u);
  let values = vec4<u32>(word & 15u, (word >> 8u) & 15u, (word >> 16u) & 15u, (word >> 24u) & 15u);
  return (vec4<f32>(values) - 8.0) * bitcast<f32>(weight[params.scales + block]);
}`,
  },
}

/** How shaders read a weight of this type; the device takes no others. */
export const readerOf = (dtype: DType) => weightReaders[dtype as keyof typeof weightReaders]

/** The word at which a weight's scales begin; 0 where it has none. */
export const scalesAt = (dtype: DType, elements: number): number =>
  dtype === 'q8_0' ? elements / 4 : dtype === 'q4_0' ? elements / 8 : 0

/** A weight's words as the shaders read them. @throws ShapeError for rows that are not whole quads or blocks */
export const packWeight = (data: TensorData, { dtype, shape }: Spec): Uint32Array<ArrayBuffer> => {
  const { rows, columns } = asMatrix(shape)
  const { blockElements, blockBytes } = dtypes[dtype]
  const grain = dtype === 'f16' ? 4 : blockElements
  if (columns % grain !== 0)
    throw new ShapeError(
      'tensor',
      `device "webgpu" reads ${dtype} in rows of a multiple of ${grain}, found ${format(shape)}`,
    )
  if (dtype === 'f16') return new Uint32Array(Uint16Array.from(data).buffer)
  const bytes = data as Uint8Array
  const valueBytes = blockBytes - 2
  const blocks = (rows * columns) / blockElements
  const packed = new Uint8Array(blocks * (valueBytes + 4))
  const scales = new Float32Array(packed.buffer, blocks * valueBytes)
  for (let block = 0, from = 0, to = 0; block < blocks; block++) {
    scales[block] = halfToFloat(bytes[from] | (bytes[from + 1] << 8))
    from += 2
    for (const end = from + valueBytes; from < end; ) packed[to++] = bytes[from++]
  }
  return new Uint32Array(packed.buffer)
}
