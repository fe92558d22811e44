import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draw } from '../distribution'
import { chain, minP, repetitionPenalty, type Sampler, temperature, topK, topP, typicalP } from '../index'
import { xorshift } from '../random'

/** The probabilities of logits in float64, from the definition. */
const softmax = (logits: ArrayLike<number>): number[] => {
  const max = Math.max(...Array.from(logits))
  const exps = Array.from(logits, logit => Math.exp(logit - max))
  const sum = exps.reduce((a, b) => a + b, 0)
  return exps.map(exp => exp / sum)
}

/** All ids, the likeliest first, ties in order of id. */
const ranked = (logits: ArrayLike<number>): number[] =>
  Array.from(logits, (_, id) => id).sort((a, b) => logits[b] - logits[a] || a - b)

const kept = (logits: Float32Array): number[] => [...logits.keys()].filter(id => logits[id] > -Infinity)

const fromProbabilities = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log)

const anyLogits = fc
  .array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ min: -20, max: 20, noNaN: true })), {
    minLength: 1,
    maxLength: 60,
  })
  .map(values => Float32Array.from(values))

describe('repetitionPenalty', () => {
  test('divides logits above 0 and multiplies those below, once for each id of the history', () => {
    const logits = Float32Array.of(2, -2, 2, -2, 0)
    expect([...repetitionPenalty(4)(logits, [0, 1, 0, 4])]).toEqual([0.5, -8, 2, -2, 0])
  })

  test('below 1 favours repetition', () => {
    expect([...repetitionPenalty(0.5)(Float32Array.of(2, -2), [0, 1])]).toEqual([4, -1])
  })
})

describe('temperature', () => {
  test.each([0.1, 0.6, 1, 1.7])('%f gives softmax(logits / t)', t => {
    const logits = Float32Array.of(1, -2, 0.5, 3, 3)
    const expected = softmax(Array.from(logits, logit => logit / t))
    softmax(temperature(t)(logits, [])).forEach((p, id) => {
      expect(p).toBeCloseTo(expected[id], 6)
    })
  })

  test('0 keeps the most likely token alone, the lowest id on a tie', () => {
    expect(kept(temperature(0)(Float32Array.of(1, 7, 7), []))).toEqual([1])
  })

  test.each([Number.MIN_VALUE, 1e-300, 1e300])('%d does not overflow', t => {
    const probabilities = softmax(temperature(t)(Float32Array.of(-3e38, 1, 3e38, 3e38), []))
    expect(probabilities.every(p => p >= 0 && p <= 1)).toBe(true)
    expect(probabilities[2]).toBe(probabilities[3])
  })
})

describe('topK', () => {
  test('keeps exactly the k first of a sorted list', () => {
    fc.assert(
      fc.property(anyLogits, fc.integer({ min: 1, max: 70 }), (logits, k) => {
        const expected = ranked(logits)
          .slice(0, k)
          .sort((a, b) => a - b)
        expect(kept(topK(k)(logits, []))).toEqual(expected)
      }),
    )
  })
})

describe('topP', () => {
  test('keeps the token that crosses p, and no more', () => {
    const logits = fromProbabilities(0.1, 0.5, 0.05, 0.3, 0.05)
    expect(kept(topP(0.4)(logits, []))).toEqual([1])
    expect(kept(topP(0.6)(logits, []))).toEqual([1, 3])
    expect(kept(topP(0.85)(logits, []))).toEqual([0, 1, 3])
    expect(kept(topP(0.92)(logits, []))).toEqual([0, 1, 2, 3])
    expect(kept(topP(1)(logits, []))).toEqual([0, 1, 2, 3, 4])
  })

  test('keeps at least one token, however small p', () => {
    expect(kept(topP(Number.MIN_VALUE)(Float32Array.of(0, 0, 0), []))).toEqual([0])
  })

  test('is the smallest set of the likeliest tokens with a mass of p', () => {
    fc.assert(
      fc.property(anyLogits, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (logits, p) => {
        const probabilities = softmax(logits)
        const order = ranked(logits)
        const ids = kept(topP(p)(logits, []))
        const mass = ids.reduce((sum, id) => sum + probabilities[id], 0)
        const least = order[ids.length - 1]
        expect([...ids].sort((a, b) => order.indexOf(a) - order.indexOf(b))).toEqual(order.slice(0, ids.length))
        expect(mass).toBeGreaterThanOrEqual(p - 1e-9)
        expect(mass - probabilities[least]).toBeLessThan(p + 1e-9)
      }),
      { numRuns: 500 },
    )
  })

  test('a vocabulary of equals is cut where the mass is reached, not at the floor', () => {
    const flat = new Float32Array(32_000)
    expect(kept(topP(0.5)(flat, []))).toHaveLength(16_000)
    expect(kept(topP(0.999)(flat, []))).toHaveLength(31_968)
  })
})

describe('minP', () => {
  test('keeps tokens at least p times as likely as the likeliest', () => {
    const logits = fromProbabilities(0.4, 0.3, 0.15, 0.1, 0.05)
    expect(kept(minP(0.26)(logits, []))).toEqual([0, 1, 2])
    expect(kept(minP(0.24)(logits, []))).toEqual([0, 1, 2, 3])
    expect(kept(minP(0)(logits, []))).toEqual([0, 1, 2, 3, 4])
    expect(kept(minP(1)(Float32Array.of(2, 1, 2), []))).toEqual([0, 2])
  })
})

describe('every sampler', () => {
  const samplers: [string, Sampler][] = [
    ['repetitionPenalty', repetitionPenalty(1.3)],
    ['temperature', temperature(0.7)],
    ['greedy', temperature(0)],
    ['topK', topK(3)],
    ['topP', topP(0.8)],
    ['minP', minP(0.1)],
  ]

  test.each(samplers)('%s leaves its arguments as they are', (_, sampler) => {
    const logits = Float32Array.of(1, -1, 2, 0, 5, -3)
    const history = [2, 5, 2]
    sampler(logits, history)
    expect([...logits]).toEqual([1, -1, 2, 0, 5, -3])
    expect(history).toEqual([2, 5, 2])
  })

  test.each(samplers.slice(1))('%s keeps the likeliest token, and tokens barred before stay barred', (_, sampler) => {
    fc.assert(
      fc.property(anyLogits, fc.array(fc.nat(59)), (logits, barred) => {
        const best = ranked(logits)[0]
        for (const id of barred) if (id !== best && id < logits.length) logits[id] = -Infinity
        const result = sampler(logits, [])
        expect(result[best]).toBeGreaterThan(-Infinity)
        for (const id of kept(result)) expect(logits[id]).toBeGreaterThan(-Infinity)
      }),
    )
  })

  test.each<[string, Sampler, number[]]>([
    // Exact probabilities after each sampler, of tokens with probabilities 0.5, 0.25, 0.15 and 0.1.
    ['temperature 0.5', temperature(0.5), [0.25, 0.0625, 0.0225, 0.01].map(p => p / 0.345)],
    ['topK 2', topK(2), [2 / 3, 1 / 3, 0, 0]],
    ['topP 0.8', topP(0.8), [5 / 9, 2.5 / 9, 1.5 / 9, 0]],
    ['minP 0.4', minP(0.4), [2 / 3, 1 / 3, 0, 0]],
    [
      'temperature 2, then topK 3',
      chain(temperature(2), topK(3)),
      [0.5, 0.25, 0.15, 0].map(p => Math.sqrt(p) / 1.594405),
    ],
  ])('%s gives tokens as often as its exact distribution says', (_, sampler, exact) => {
    const logits = fromProbabilities(0.5, 0.25, 0.15, 0.1)
    const random = xorshift(5)
    const draws = 20_000
    const seen = [0, 0, 0, 0]
    for (let i = 0; i < draws; i++) seen[draw(sampler(logits, []), random)]++
    exact.forEach((p, id) => {
      const deviation = 4.5 * Math.sqrt(draws * p * (1 - p)) // exceeded once in 150,000
      expect(Math.abs(seen[id] - draws * p), `token ${id}: ${seen[id]}`).toBeLessThanOrEqual(deviation)
    })
  })
})

test('chain applies its samplers in the order given', () => {
  const logits = fromProbabilities(0.4, 0.3, 0.2, 0.1)
  expect(kept(chain(topK(2), minP(0.1))(logits, []))).toEqual([0, 1])
  // After a temperature of 0.25 the nucleus of 0.7 is the first token alone; before it, two are needed.
  expect(kept(chain(temperature(0.25), topP(0.7))(logits, []))).toEqual([0])
  expect(kept(chain(topP(0.7), temperature(0.25))(logits, []))).toEqual([0, 1])
  expect([...chain()(logits, [])]).toEqual([...logits])
})

describe('typicalP', () => {
  test('keeps the tokens nearest to the entropy, up to the mass of p: by definition, on a sorted list', () => {
    fc.assert(
      fc.property(anyLogits, fc.double({ min: 0.05, max: 0.99, noNaN: true }), (logits, p) => {
        const probabilities = softmax(logits)
        const entropy = probabilities.reduce((sum, q) => sum - (q > 0 ? q * Math.log(q) : 0), 0)
        const distance = probabilities.map(q => Math.abs(-Math.log(q) - entropy))
        const ids = kept(typicalP(p)(logits, []))
        const mass = (some: readonly number[]) => some.reduce((sum, id) => sum + probabilities[id], 0)
        const furthest = Math.max(...ids.map(id => distance[id]))
        // Nothing nearer is left out, the mass is reached, and not without the furthest of them.
        for (let id = 0; id < logits.length; id++)
          if (!ids.includes(id)) expect(distance[id]).toBeGreaterThanOrEqual(furthest - 1e-9)
        expect(mass(ids)).toBeGreaterThanOrEqual(p - 1e-9)
        const last = ids.filter(id => distance[id] >= furthest - 1e-9)
        expect(mass(ids) - Math.max(...last.map(id => probabilities[id]))).toBeLessThan(p + 1e-9)
      }),
      { numRuns: 500 },
    )
  })

  test('can bar the likeliest token, which a nucleus cannot', () => {
    const logits = fromProbabilities(0.4, ...new Array(60).fill(0.01))
    expect(kept(typicalP(0.3)(logits, []))).not.toContain(0)
    expect(kept(typicalP(1)(logits, []))).toHaveLength(61)
  })
})

// e^-50 is lost when it is added to 1, so the sum of the first token alone is the sum of all.
test.each([
  ['topP', topP(1)],
  ['typicalP', typicalP(1)],
])('%s of 1 keeps a token whose probability rounding loses', (_, sampler) => {
  expect(kept(sampler(Float32Array.of(0, -50), []))).toEqual([0, 1])
})

test('typicalP leaves tokens that are already barred out of the entropy', () => {
  const open = kept(typicalP(0.5)(Float32Array.of(2, 1, 0), []))
  expect(open.length).toBeGreaterThan(0)
  expect(kept(typicalP(0.5)(Float32Array.of(2, 1, 0, -Infinity), []))).toEqual(open)
})

test('typicalP stops as soon as the probabilities add up to exactly p', () => {
  expect(kept(typicalP(0.5)(Float32Array.of(0, 0), []))).toEqual([0])
})
