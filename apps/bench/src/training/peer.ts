import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { initialiseWeights } from '@cria/training'
import type { VariantSizes } from '@cria/training/experiments'
import { trainingRows } from './sizes'

// What peers in JavaScript share. Shapes: B rows of a step, T tokens of a row, C width of a head.

/** What a peer trains. */
export interface PeerTrainingOptions {
  readonly threads: number
  readonly size: VariantSizes
  /** Rows of a step. */
  readonly rows: number
}

/** The settings of Cria's `adamW`, which are those of python/training.py too. Vectors do not decay. */
export const optimizer = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 } as const

/** The norm that all gradients together are clipped to. */
export const maxNorm = 1

/** Added to the mean square by RMSNorm. */
export const normEps = 1e-5

/** Values of a parameter, and its shape: [outputs, inputs] for a matrix. */
export interface InitialWeight {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** The weights that Cria starts with, by path. */
export const initialWeights = async (size: VariantSizes): Promise<ReadonlyMap<string, InitialWeight>> => {
  await using device = await openDevice('cpu')
  using model = llama2(device, { ...size, tied_output: true })
  initialiseWeights(model)
  const weights = new Map<string, InitialWeight>()
  for (const [path, { tensor }] of model.parameters())
    weights.set(path, { shape: tensor.shape, values: await tensor.read() })
  return weights
}

/** The tokens of a step, and those that follow each: both [B · T]. */
export const trainingBatch = (size: VariantSizes, rows: number): { ids: Int32Array; targets: Int32Array } => {
  const all = trainingRows(size, rows)
  const flat = (from: number, to?: number) => Int32Array.from(all.flatMap(row => row.slice(from, to)))
  return { ids: flat(0, -1), targets: flat(1) }
}

/**
 * What a rotation by position multiplies with, both [T, C / 2, 2]: a pair (a, b) becomes
 * (a, b) ∘ cosines + (b, a) ∘ sines, so `sines` has −sin first.
 */
export const rotaryTables = ({ dim, n_heads, max_seq_len }: VariantSizes) => {
  const width = dim / n_heads
  const cosines = new Float32Array(max_seq_len * width)
  const sines = new Float32Array(max_seq_len * width)
  for (let position = 0; position < max_seq_len; position++)
    for (let i = 0; i < width; i += 2) {
      const angle = position * 10_000 ** (-i / width)
      const at = position * width + i
      cosines.fill(Math.cos(angle), at, at + 2)
      sines.set([-Math.sin(angle), Math.sin(angle)], at)
    }
  return { cosines, sines }
}
