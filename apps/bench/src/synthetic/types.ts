import { type DType, dtypes, rowLength } from '@cria/dtypes'
import type { LlamaWeight, ResolvedConfig } from '@cria/llama'
import { blockTypes } from './blocks'

/** The types that synthetic models come in: those of GGUF, and the mixture of llama.cpp's Q4_K_M files. */
export const syntheticTypes = ['f32', 'f16', 'bf16', ...blockTypes, 'q4_k_m'] as readonly SyntheticType[]

export type SyntheticType = DType | 'q4_k_m'

/** What llama.cpp's quantiser takes for rows that are not whole blocks of 256. */
const shorterBlocks: Partial<Readonly<Record<DType, DType>>> = {
  q2_k: 'iq4_nl',
  q3_k: 'iq4_nl',
  iq4_xs: 'iq4_nl',
  q4_k: 'q5_0',
  q5_k: 'q5_1',
  q6_k: 'q8_0',
}

/** Whether Q4_K_M gives a layer's values and down projection more bits: the first and last eighth, and a third between. */
const hasMoreBits = (layer: number, layers: number) => {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}

/** The type of a matrix of Q4_K_M: q6_k for the output and some layers' values and down projections, else q4_k. */
const mixedType = (path: string, { n_layers, tied_output }: ResolvedConfig): DType => {
  if (path === (tied_output ? 'tok_embeddings.weight' : 'output.weight')) return 'q6_k'
  const layer = /^layers\.(\d+)\.(attention\.wv|feed_forward\.w2)\.weight$/.exec(path)?.[1]
  return layer !== undefined && hasMoreBits(Number(layer), n_layers) ? 'q6_k' : 'q4_k'
}

/** The type of a weight in a synthetic file of type `wanted`. Vectors are f32. */
export const storedType = (
  { path, shape }: Pick<LlamaWeight, 'path' | 'shape'>,
  wanted: SyntheticType,
  config: ResolvedConfig,
): DType => {
  if (shape.length < 2) return 'f32'
  const type = wanted === 'q4_k_m' ? mixedType(path, config) : wanted
  const candidates = [type, shorterBlocks[type]]
  return candidates.find(one => one && rowLength(shape) % dtypes[one].blockElements === 0) ?? 'f16'
}
