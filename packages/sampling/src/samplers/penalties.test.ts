import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { frequencyPenalty, logitBias, presencePenalty, repetitionPenalty } from './penalties'

const VOCAB = 12
const anyLogits = fc
  .array(fc.integer({ min: -40, max: 40 }), { minLength: VOCAB, maxLength: VOCAB })
  .map(values => Float32Array.from(values, value => value / 4))
const anyHistory = fc.array(fc.nat(VOCAB + 2), { maxLength: 30 })
const anyScope = fc.record({
  window: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  from: fc.nat(35),
})

/** The tokens of a history that a scope leaves, by slices. */
const seen = (history: readonly number[], { window, from }: { window?: number | undefined; from?: number }) =>
  history.map((id, at) => ({ id, at })).filter(({ at }) => at >= (from ?? 0) && at >= history.length - (window ?? 1e9))

describe('penalties', () => {
  test('equal their formulas, token by token, in any scope', () => {
    fc.assert(
      fc.property(anyLogits, anyHistory, anyScope, (logits, history, scope) => {
        const tokens = seen(history, scope)
        const count = (id: number) => tokens.filter(token => token.id === id).length
        const expected = (formula: (logit: number, count: number) => number) =>
          [...logits].map((logit, id) => Math.fround(formula(logit, count(id))))
        expect([...frequencyPenalty(0.5, scope)(logits, history)]).toEqual(expected((logit, c) => logit - c * 0.5))
        expect([...presencePenalty(-1.5, scope)(logits, history)]).toEqual(
          expected((logit, c) => logit - (c > 0 ? -1.5 : 0)),
        )
        expect([...repetitionPenalty(2, scope)(logits, history)]).toEqual(
          expected((logit, c) => (c === 0 ? logit : logit > 0 ? logit / 2 : logit * 2)),
        )
      }),
    )
  })

  test('leave the size of the vocabulary, though the history holds ids beyond it', () => {
    for (const penalty of [repetitionPenalty(2), frequencyPenalty(1), presencePenalty(1)])
      expect([...penalty(Float32Array.of(1, 2), [7, 7])]).toEqual([1, 2])
  })
})

describe('logitBias', () => {
  test('adds to the ids that it names, from an object or a Map, and bars with -Infinity', () => {
    const logits = Float32Array.of(1, 2, 3)
    expect([...logitBias({ 0: 0.5, 2: -Infinity })(logits, [])]).toEqual([1.5, 2, -Infinity])
    expect([...logitBias(new Map([[1, -4]]))(logits, [])]).toEqual([1, -2, 3])
    expect([...logitBias({ 9: 5 })(logits, [])]).toEqual([1, 2, 3])
    expect([...logits]).toEqual([1, 2, 3])
  })
})
