import { minP, repetitionPenalty, type Sampler, temperature, topK, topP } from '@cria/sampling'
import type { Sampling } from '../types'

// Shapes: T tokens, D dim, L layers, V vocabulary.

/** Rows of the tables that are shown. */
const shown = 12
const shownByLens = 5

/** What a pass over a text showed. */
export interface Seen {
  readonly ids: readonly number[]
  /** [T, V] */
  readonly logits: { readonly shape: readonly number[]; readonly data: Float32Array }
  /** The residual stream before the first layer and after each, L + 1 of [T, D]. */
  readonly states: readonly Float32Array[]
}

/** Ids and probabilities of likely tokens. */
export interface Likely {
  readonly id: number
  readonly probability: number
}

let seen: Seen | undefined

const kept = (): Seen => {
  if (!seen) throw new Error('no text has been looked at yet')
  return seen
}

/** Keeps what was seen, for the questions below. @returns norms [L + 1][T] and the probability of each token, [T] */
export const analyse = (given: Seen) => {
  seen = given
  const { ids, logits, states } = given
  const [tokens, vocab] = logits.shape
  return {
    norms: states.map(state => {
      const dim = state.length / tokens
      return Float32Array.from(ids, (_, t) => rootMeanSquare(state.subarray(t * dim, (t + 1) * dim)))
    }),
    expected: Float32Array.from(ids, (id, t) =>
      t === 0 ? 1 : softmax(logits.data.subarray((t - 1) * vocab, t * vocab))[id],
    ),
  }
}

/** The distribution after each sampling step: of the likeliest tokens, and of the next one in the text. */
export const distribution = (position: number, sampling: Sampling) => {
  const { ids, logits } = kept()
  const [, vocab] = logits.shape
  let row: Float32Array = logits.data.slice(position * vocab, (position + 1) * vocab)
  const history = ids.slice(0, position + 1)
  const order = likeliest(softmax(row), shown)
  const next = ids[position + 1]
  if (next !== undefined && !order.includes(next)) order[shown - 1] = next
  const step = (name: string) => {
    const probabilities = softmax(row)
    const candidates: Likely[] = order.map(id => ({ id, probability: probabilities[id] }))
    return { name, candidates, left: probabilities.reduce((count, p) => count + Number(p > 0), 0) }
  }
  const steps = [step('model')]
  for (const [name, sampler] of samplersOf(sampling)) {
    row = sampler(row, history)
    steps.push(step(name))
  }
  return steps
}

/** The stream at a position, before the first layer and after each, [L + 1, D]. */
export const statesAt = (position: number) => {
  const { states, ids } = kept()
  const dim = states[0].length / ids.length
  const data = new Float32Array(states.length * dim)
  for (const [stage, state] of states.entries())
    data.set(state.subarray(position * dim, (position + 1) * dim), stage * dim)
  return { shape: [states.length, dim], data }
}

/** The likeliest tokens of each row of logits. */
export const likeliestOfRows = ({ shape: [rows, vocab], data }: Seen['logits']): readonly (readonly Likely[])[] =>
  Array.from({ length: rows }, (_, row) => {
    const probabilities = softmax(data.subarray(row * vocab, (row + 1) * vocab))
    return likeliest(probabilities, shownByLens).map(id => ({ id, probability: probabilities[id] }))
  })

/** The steps that the options stand for, in the order in which `samplerOf` applies them. */
const samplersOf = (sampling: Sampling): [string, Sampler][] => {
  const steps: [string, Sampler][] = []
  if (sampling.repetitionPenalty !== undefined && sampling.repetitionPenalty !== 1)
    steps.push(['repetition penalty', repetitionPenalty(sampling.repetitionPenalty)])
  steps.push(['temperature', temperature(sampling.temperature)])
  // What follows keeps the likeliest token, and after a temperature of 0 there is no other.
  if (sampling.temperature === 0) return steps
  if (sampling.topK !== undefined) steps.push(['top-k', topK(sampling.topK)])
  if (sampling.topP !== undefined && sampling.topP !== 1) steps.push(['top-p', topP(sampling.topP)])
  if (sampling.minP !== undefined && sampling.minP !== 0) steps.push(['min-p', minP(sampling.minP)])
  return steps
}

const softmax = (logits: Float32Array): Float32Array => {
  let max = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > max) max = logit
  const result = new Float32Array(logits.length)
  let sum = 0
  for (let id = 0; id < logits.length; id++) sum += result[id] = Math.exp(logits[id] - max)
  for (let id = 0; id < logits.length; id++) result[id] /= sum
  return result
}

const likeliest = (probabilities: Float32Array, count: number): number[] =>
  Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a])
    .slice(0, count)

const rootMeanSquare = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
