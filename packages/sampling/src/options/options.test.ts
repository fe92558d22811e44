import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors'
import {
  chain,
  dry,
  logitBias,
  minP,
  noRepeatNgram,
  type Sampler,
  temperature,
  topK,
  topP,
  typicalP,
  xtc,
} from '../index'
import { type SamplingOptions, samplerOf, samplerPlan } from '../sampler-of'
import { chosenPlan } from '../settings'
import { checkOptions } from './check'
import { samplerNames, samplingOptions, tokenOptions } from './table'

const logits = Float32Array.of(4, 3.5, 3, -1, 2.5, 0)
const history = [0, 3, 0]

const kept = (options: SamplingOptions) => {
  const result = samplerOf(options)(logits, history)
  return [...result.keys()].filter(id => result[id] > -Infinity)
}

/** The documented order, from the definitions, in float64. */
const byDefinition = (options: SamplingOptions): number[] => {
  let rows = [...logits].map((logit, id) => ({ id, logit }))
  const r = options.repetitionPenalty as number
  for (const row of rows) if (history.includes(row.id)) row.logit = row.logit > 0 ? row.logit / r : row.logit * r
  rows = rows.map(({ id, logit }) => ({ id, logit: logit / (options.temperature as number) }))
  rows.sort((a, b) => b.logit - a.logit || a.id - b.id)
  rows = rows.slice(0, options.topK)
  const total = rows.reduce((sum, { logit }) => sum + Math.exp(logit), 0)
  let before = 0
  rows = rows.filter(({ logit }) => {
    const inside = before < (options.topP as number)
    before += Math.exp(logit) / total
    return inside
  })
  rows = rows.filter(({ logit }) => Math.exp(logit - rows[0].logit) >= (options.minP as number))
  return rows.map(({ id }) => id).sort((a, b) => a - b)
}

test('samplers are named in the order of the table', () => {
  const options = Object.keys(samplingOptions)
  expect(options.filter(name => samplerNames.some(each => each === name))).toEqual(samplerNames)
})

describe('samplerOf', () => {
  test('applies repetition penalty, temperature, top-k, top-p and min-p in this order', () => {
    let cases = 0
    for (const repetitionPenalty of [1, 1.3, 3])
      for (const temperature of [0.4, 1, 2])
        for (const topK of [1, 2, 4, 6])
          for (const topP of [0.3, 0.6, 0.8, 0.95, 1])
            for (const minP of [0, 0.2, 0.5, 1]) {
              const options = { repetitionPenalty, temperature, topK, topP, minP }
              expect(kept(options), JSON.stringify(options)).toEqual(byDefinition(options))
              cases++
            }
    expect(cases).toBe(720)
  })

  test('defaults to temperature 0.6 and top-p 0.9', () => {
    const result = samplerOf({})(logits, history)
    expect([...result]).toEqual([...samplerOf({ temperature: 0.6, topP: 0.9 })(logits, history)])
    expect([...result]).not.toEqual([...samplerOf({ temperature: 0.7, topP: 0.9 })(logits, history)])
    expect([...result]).not.toEqual([...samplerOf({ temperature: 0.6, topP: 1 })(logits, history)])
  })

  test('applies samplers in the order that `samplers` says, and no others', () => {
    const context = { random: () => 0 }
    const by = (...samplers: Sampler[]) => [...chain(...samplers)(logits, history)]
    const given = (options: SamplingOptions) => [...samplerOf(options, context)(logits, history)]
    expect(given({ samplers: ['topP', 'temperature'], topP: 0.7, temperature: 0.25 })).toEqual(
      by(topP(0.7), temperature(0.25)),
    )
    expect(given({ samplers: ['temperature', 'topP'], topP: 0.7, temperature: 0.25 })).toEqual(
      by(temperature(0.25), topP(0.7)),
    )
    expect(given({ samplers: [] })).toEqual([...logits])
    expect(given({ samplers: ['minP'], minP: 0.3 })).toEqual(by(minP(0.3)))
    const rest: SamplingOptions = { topP: 1, temperature: 1 }
    expect(given({ ...rest, typicalP: 0.5, minP: 0.2 })).toEqual(by(temperature(1), minP(0.2), typicalP(0.5)))
    expect(given({ ...rest, noRepeatNgram: 1, logitBias: { 2: 4 } })).toEqual(
      by(logitBias({ 2: 4 }), noRepeatNgram(1), temperature(1)),
    )
    expect(given({ ...rest, xtcProbability: 1, xtcThreshold: 0.2, topK: 3 })).toEqual(
      by(temperature(1), topK(3), xtc({ probability: 1, threshold: 0.2, random: () => 0 })),
    )
    const breakers = { base: 2, allowedLength: 1, breakers: [] }
    expect(given({ ...rest, dryMultiplier: 2, dryBase: 2, dryAllowedLength: 1 })).toEqual(
      by(dry({ multiplier: 2, ...breakers }), temperature(1)),
    )
  })

  test('penalties see the tokens of their scope', () => {
    const context = { random: () => 0, promptLength: 2 }
    const given = (options: SamplingOptions) => [
      ...samplerOf({ samplers: samplerNames.slice(0, 4), ...options }, context)(logits, [5, 1, 2, 2]),
    ]
    const changed = (options: SamplingOptions) =>
      [...given(options).keys()].filter(id => given(options)[id] !== logits[id])
    expect(changed({ repetitionPenalty: 2 })).toEqual([1, 2])
    expect(changed({ presencePenalty: 1 })).toEqual([2])
    expect(given({ frequencyPenalty: 0.5 })[2]).toBe(2)
    expect(given({ frequencyPenalty: 0.5, penaltyWindow: 1 })[2]).toBe(2.5)
    expect(changed({ repetitionPenalty: 2, penaltyWindow: 2 })).toEqual([2])
  })

  test('refuses an option whose sampler does not apply', () => {
    expect(() => samplerOf({ samplers: ['topK'], topP: 0.5 })).toThrow(
      'option topP is 0.5: expected it to be left out, or topP to be one of the samplers',
    )
    expect(() => samplerOf({ samplers: ['topK'], xtcThreshold: 0.2 })).toThrow(OptionError)
    expect(() => samplerOf({ samplers: ['topK'], penaltyWindow: 4 })).toThrow(
      'or repetitionPenalty or frequencyPenalty or presencePenalty to be one of the samplers',
    )
    expect(() => samplerOf({ samplers: ['topK'], topP: undefined })).not.toThrow()
    expect(() => samplerOf({ samplers: ['presencePenalty'], penaltyWindow: 4 })).not.toThrow()
  })

  test('takes ids as breakers of DRY, but no texts: it has no tokenizer', () => {
    const options = { dryMultiplier: 1, dryAllowedLength: 1, temperature: 1, topP: 1 }
    expect([...samplerOf({ ...options, dryBreakers: [3] })(logits, history)]).toEqual([
      ...temperature(1)(logits, history),
    ])
    expect([...samplerOf(options)(logits, [0, 3, 0])][3]).toBe(-6)
    expect(() => samplerOf({ ...options, dryBreakers: ['x'] })).toThrow(
      'option dryBreakers is "x": expected token ids: only generateText has a tokenizer for texts',
    )
  })

  test('is greedy if no sampler but temperature 0 changes the logits', () => {
    const isGreedy = (options: SamplingOptions) => samplerPlan(options, { random: () => 0 }).isGreedy
    const idle = { repetitionPenalty: 1, frequencyPenalty: 0, presencePenalty: 0, dryMultiplier: 0 }
    expect(isGreedy({ temperature: 0 })).toBe(true)
    expect(isGreedy({ temperature: 0, ...idle, topK: 2, xtcProbability: 1 })).toBe(true)
    expect(isGreedy({ temperature: 0, frequencyPenalty: 1 })).toBe(false)
    expect(isGreedy({ temperature: 0, topK: 2, samplers: ['topK', 'temperature'] })).toBe(false)
    expect(isGreedy({ samplers: [] })).toBe(false)
    expect(isGreedy({})).toBe(false)
  })

  test('takes no random number unless XTC is asked for', () => {
    let taken = 0
    const random = () => taken++
    samplerOf({}, { random })(logits, history)
    expect(taken).toBe(0)
    samplerOf({ xtcProbability: 0.5 }, { random })(logits, history)
    expect(taken).toBe(1)
  })

  test('without a context has random numbers of its own for XTC', () => {
    expect(kept({ temperature: 1, topP: 1, xtcProbability: 1, xtcThreshold: 0 })).toEqual([3])
  })

  test('temperature 0 is greedy after the repetition penalty, whatever else is set', () => {
    expect(kept({ temperature: 0 })).toEqual([0])
    expect(kept({ temperature: 0, topK: 3, topP: 0.9, minP: 0.1 })).toEqual([0])
    expect(kept({ temperature: 0, repetitionPenalty: 2 })).toEqual([1])
  })
})

test('a custom sampler replaces the chain, and excludes its options', () => {
  const sampler = (given: Float32Array) => given
  const context = { random: () => 0 }
  expect(chosenPlan({ sampler, seed: 1 }, context)).toEqual({ sampler, isGreedy: false })
  expect(chosenPlan({ sampler, topK: undefined }, context).sampler).toBe(sampler)
  expect(() => chosenPlan({ sampler, topK: 4 }, context)).toThrow(
    'option topK is 4: expected it to be left out beside a sampler',
  )
})

describe('checkOptions', () => {
  test.each<[string, unknown]>([
    ['temperature', -0.1],
    ['temperature', NaN],
    ['temperature', Infinity],
    ['temperature', '0.5'],
    ['temperature', null],
    ['topK', 0],
    ['topK', 2.5],
    ['topP', 0],
    ['topP', 1.01],
    ['minP', -0.01],
    ['minP', 1.01],
    ['repetitionPenalty', 0],
    ['repetitionPenalty', 101],
    ['seed', -1],
    ['seed', 2 ** 53],
    ['maxTokens', 0],
    ['maxTokens', -1],
    ['stopIds', 2],
    ['stopIds', [2, -1]],
    ['logprobs', -1],
    ['logprobs', true],
    ['signal', {}],
    ['typicalP', 0],
    ['frequencyPenalty', 2.1],
    ['presencePenalty', -2.1],
    ['penaltyWindow', 0],
    ['logitBias', { a: 1 }],
    ['logitBias', { 1: Infinity }],
    ['logitBias', new Map([[1, Number.NaN]])],
    ['noRepeatNgram', 0],
    ['dryMultiplier', -1],
    ['dryBase', 0.5],
    ['xtcProbability', 2],
    ['xtcThreshold', 0.6],
    ['samplers', ['topK', 'topK']],
    ['samplers', ['greedy']],
    ['minTokens', -1],
    ['draft', 'model'],
    ['draft', {}],
    ['draftTokens', 0],
    ['onPromptProgress', 1],
    ['sampler', 'greedy'],
    ['top_p', 0.9],
    ['toString', 1],
    ['repetitionPenalty', 0.009],
    ['dryMultiplier', Infinity],
    ['dryBase', Infinity],
    ['xtcProbability', -0.1],
    ['xtcThreshold', -0.1],
    ['typicalP', 1.01],
    ['vocabSize', 0],
    ['vocabSize', 1.5],
    ['bannedIds', 5],
    ['bannedIds', Array.from({ length: 2 ** 20 + 1 }, () => 1)],
    ['logitBias', null],
    ['logitBias', [1]],
  ])('refuses %s = %j by a typed error that names it', (option, value) => {
    const check = () => checkOptions({ [option]: value }, tokenOptions)
    expect(check).toThrow(OptionError)
    try {
      check()
    } catch (error) {
      expect(error).toMatchObject({ name: 'OptionError', option, value })
      expect((error as Error).message).toContain(option)
    }
  })

  test('accepts the ends of each range, and undefined as left out', () => {
    checkOptions({ temperature: 0, topK: 1, topP: 1, minP: 0, repetitionPenalty: 0.01, seed: 0 }, tokenOptions)
    checkOptions({ minP: 1, repetitionPenalty: 100, seed: 2 ** 53 - 1, maxTokens: 1, stopIds: [] }, tokenOptions)
    checkOptions({ dryMultiplier: 0, dryBase: 1, xtcProbability: 0, xtcThreshold: 0, typicalP: 1 }, tokenOptions)
    checkOptions({ xtcProbability: 1, xtcThreshold: 0.5, vocabSize: 1 }, tokenOptions)
    checkOptions({ bannedIds: Array.from({ length: 2 ** 20 }, () => 1) }, tokenOptions)
    checkOptions({ logprobs: 0, topK: undefined, signal: AbortSignal.abort() }, tokenOptions)
  })

  test('says in one line what was given and what is accepted', () => {
    expect(() => checkOptions({ maxTokens: -1 }, tokenOptions)).toThrow(
      'option maxTokens is -1: expected a whole number of at least 1, or Infinity',
    )
    expect(() => checkOptions({ stopIds: ['</s>', 2] }, tokenOptions)).toThrow(
      'option stopIds is ["</s>", 2]: expected token ids, such as an array of them',
    )
    expect(() => checkOptions({ best_of: 2 }, tokenOptions)).toThrow(
      'option best_of is 2: expected one of the options logitBias, repetitionPenalty, ',
    )
  })
})
