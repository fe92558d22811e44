import type { Llama } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import type { Device } from '@cria/tensor'
import { refereeNumbers } from '@cria/vitest/random'
import type { TrainingData, TrainingRow } from '../src'
import fixture from './fixtures/pytorch.json'

// What tooling/referee/training/steps.py made: the same weights and rows, by the same integer generator.

export { fixture }
export type Case = (typeof fixture.cases)[number]

/** The order in which the referee draws the weights of a layer. */
const drawn = [
  ...['attention.wq', 'attention.wk', 'attention.wv', 'attention.wo'],
  ...['feed_forward.w1', 'feed_forward.w2', 'feed_forward.w3', 'attention_norm', 'ffn_norm'],
]

/** Paths of all weights in the order of the fixture's arrays. */
export const pathsOf = ({ tied_output }: Case): string[] => [
  'tok_embeddings.weight',
  ...Array.from({ length: fixture.config.n_layers }, (_, layer) =>
    drawn.map(name => `layers.${layer}.${name}.weight`),
  ).flat(),
  'norm.weight',
  ...(tied_output ? [] : ['output.weight']),
]

/** The model of a case, with the referee's first weights. */
export const modelOf = (device: Device, { seed, n_kv_heads, tied_output, ...rest }: Case): Llama => {
  const model = llama2(device, { ...fixture.config, n_kv_heads, tied_output })
  const parameters = new Map(model.parameters())
  const next = refereeNumbers(seed)
  for (const path of pathsOf({ seed, n_kv_heads, tied_output, ...rest })) {
    const parameter = parameters.get(path)
    if (!parameter) throw new Error(`the model has no ${path}`)
    const centre = path.includes('norm') ? 1 : 0
    const values = Float32Array.from({ length: parameter.size }, () => centre + 0.3 * (next() - 0.5))
    parameter.load(device.tensor(values, parameter.shape))
  }
  return model
}

/** The rows of a case: row n of the run is row n % rows of step n / rows. */
export const dataOf = ({ packed }: Case): TrainingData => {
  const { vocab_size, max_seq_len } = fixture.config
  const rowsOf = (step: number): TrainingRow[] => {
    const next = refereeNumbers(1000 + step)
    return Array.from({ length: fixture.rows }, () => {
      const ids = [Math.trunc(next() * vocab_size)]
      while (ids.length < max_seq_len + 1) ids.push((5 * ids[ids.length - 1] + 1 + Math.trunc(3 * next())) % vocab_size)
      const documents = packed ? [0, 3 + Math.trunc(5 * next()), 9 + Math.trunc(6 * next())] : [0]
      return { ids, documents, source: 0 }
    })
  }
  return { sources: [{ name: 'referee' }], row: n => rowsOf(1 + Math.floor(n / fixture.rows))[n % fixture.rows] }
}

/** Arrays of the fixture, by path. */
export const arraysOf = (model: Llama, of: Case, base64: string): Map<string, Float32Array> => {
  const bytes = Buffer.from(base64, 'base64')
  const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const sizes = new Map(Array.from(model.parameters(), ([path, { size }]) => [path, size]))
  let at = 0
  return new Map(
    pathsOf(of).map(path => {
      const size = sizes.get(path) ?? 0
      at += size
      return [path, floats.subarray(at - size, at)]
    }),
  )
}

/** The largest difference, over the largest value expected. */
export const relativeError = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  let difference = found.length === expected.length ? 0 : Infinity
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(found[i] - expected[i]))
    largest = Math.max(largest, Math.abs(expected[i]))
  }
  return difference / largest
}
