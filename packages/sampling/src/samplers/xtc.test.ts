import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { xorshift } from '../random'
import { xtc } from './xtc'

const fromProbabilities = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log)
const kept = (logits: Float32Array) => [...logits.keys()].filter(id => logits[id] > -Infinity)
const always = () => 0

describe('xtc', () => {
  test('bars all top choices but the least likely of them', () => {
    const logits = fromProbabilities(0.3, 0.1, 0.25, 0.2, 0.15)
    expect(kept(xtc({ probability: 1, threshold: 0.18, random: always })(logits, []))).toEqual([1, 3, 4])
    expect(kept(xtc({ probability: 1, threshold: 0.28, random: always })(logits, []))).toEqual([0, 1, 2, 3, 4])
    expect(kept(xtc({ probability: 1, threshold: 0.4, random: always })(logits, []))).toEqual([0, 1, 2, 3, 4])
  })

  test('equals its definition on a sorted list', () => {
    const anyLogits = fc
      .array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength: 30 })
      .map(values => Float32Array.from(values))
    fc.assert(
      fc.property(anyLogits, fc.constantFrom(0, 0.013, 0.05, 0.1, 0.3, 0.5), (logits, threshold) => {
        const total = [...logits].reduce((sum, logit) => sum + Math.exp(logit), 0)
        const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b)
        const top = order.filter(id => Math.exp(logits[id]) / total >= threshold)
        const expected = order.filter(id => !top.slice(0, -1).includes(id)).sort((a, b) => a - b)
        expect(kept(xtc({ probability: 1, threshold, random: always })(logits, []))).toEqual(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  test('acts as often as its probability says, with one number for each token', () => {
    const logits = fromProbabilities(0.5, 0.5)
    let numbers = 0
    const random = xorshift(3)
    const counted = () => {
      numbers++
      return random()
    }
    const sampler = xtc({ probability: 0.3, threshold: 0.1, random: counted })
    let acted = 0
    for (let i = 0; i < 10_000; i++) if (kept(sampler(logits, [])).length === 1) acted++
    expect(numbers).toBe(10_000)
    expect(Math.abs(acted - 3_000)).toBeLessThan(4.5 * Math.sqrt(10_000 * 0.3 * 0.7))
  })

  test('does not act on a number that equals its probability, so a probability of 0 never acts', () => {
    const logits = fromProbabilities(0.5, 0.5)
    const acts = (probability: number, number: number) =>
      kept(xtc({ probability, threshold: 0.1, random: () => number })(logits, [])).length === 1
    expect([acts(0, 0), acts(0.5, 0.5), acts(0.5, 0.499), acts(1, 0.999)]).toEqual([false, false, true, true])
  })

  test('counts a token of exactly the threshold among the top choices', () => {
    expect(kept(xtc({ probability: 1, threshold: 0.5, random: always })(Float32Array.of(0, 0), []))).toEqual([1])
  })

  test('with a threshold of 0 keeps the least likely of the tokens that are not barred yet', () => {
    const logits = Float32Array.of(3, 1, -Infinity, 2)
    expect(kept(xtc({ probability: 1, threshold: 0, random: always })(logits, []))).toEqual([1])
  })

  test('does not act where it would bar a spared id', () => {
    const logits = fromProbabilities(0.5, 0.3, 0.2)
    const with_ = (...spared: number[]) =>
      kept(xtc({ probability: 1, threshold: 0.1, random: always, spared })(logits, []))
    expect(with_(1)).toEqual([0, 1, 2])
    expect(with_(2)).toEqual([2])
    expect(with_(99)).toEqual([2])
  })
})
