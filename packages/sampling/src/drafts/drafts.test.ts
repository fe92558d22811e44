import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toyModel } from '../../test/models'
import { createSession, type GenerateOptions, generate, type SequenceModel } from '../index'
import { DraftLength } from './drafter'
import { promptLookup } from './prompt-lookup'

const VOCAB = 10

/** Logits that follow the last two ids only, so that texts repeat; `noise` makes another model of it. */
const repetitive =
  (noise = 0) =>
  (history: readonly number[]) => {
    const [a, b] = history.slice(-2)
    return Float32Array.from(
      { length: VOCAB },
      (_, id) => 3 * Math.sin(7 * id + 3 * a + 5 * (b ?? 1)) + noise * Math.sin(id * 11 + history.length),
    )
  }

const anyOptions: fc.Arbitrary<GenerateOptions> = fc.oneof(
  fc.constant({ temperature: 0 }),
  fc.constant({ temperature: 0, repetitionPenalty: 1.1 }),
  fc.record({ seed: fc.nat(), temperature: fc.constantFrom(0.2, 0.7, 1.5), topP: fc.constantFrom(0.5, 0.9, 1) }),
  fc.record({
    seed: fc.nat(),
    frequencyPenalty: fc.constant(0.2),
    xtcProbability: fc.constant(0.5),
    minTokens: fc.nat(9),
  }),
)

describe('speculative decoding', () => {
  test('gives the same tokens and the same end as without, whatever drafts', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyOptions,
        fc.record({
          prompt: fc.array(fc.nat(VOCAB - 1), { minLength: 1, maxLength: 12 }),
          kind: fc.constantFrom('prompt', 'same', 'near', 'far', 'session', 'short'),
          draftTokens: fc.integer({ min: 1, max: 9 }),
          maxTokens: fc.integer({ min: 1, max: 30 }),
          maxSeqLen: fc.integer({ min: 12, max: 40 }),
          stopIds: fc.uniqueArray(fc.nat(VOCAB - 1), { maxLength: 1 }),
          greedy: fc.boolean(),
          logprobs: fc.constantFrom(undefined, 2),
        }),
        async (sampling, { prompt, kind, draftTokens, maxTokens, maxSeqLen, stopIds, greedy, logprobs }) => {
          const options = { seed: 1, maxTokens, stopIds, logprobs, ...sampling }
          const { model, log } = toyModel({ next: repetitive(), greedy, maxSeqLen })
          const draftModels: Record<string, SequenceModel> = {
            same: model,
            near: toyModel({ next: repetitive(0.5), greedy, maxSeqLen }).model,
            far: toyModel({ next: repetitive(20), maxSeqLen: 2 * maxSeqLen }).model,
            short: toyModel({ next: repetitive(), maxSeqLen: 5 }).model,
          }
          const session = createSession(draftModels.near)
          const draft = kind === 'prompt' ? 'prompt' : kind === 'session' ? session : draftModels[kind]
          const plain = generate(model, prompt, options)
          const drafted = generate(model, prompt, { ...options, draft, draftTokens })
          expect(await drafted.all).toEqual(await plain.all)
          expect(drafted.finishReason).toBe(plain.finishReason)
          expect(drafted.stats.tokens).toBe(plain.stats.tokens)
          expect(log.sequences).toBe(0)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('a model that drafts for itself is right each time, when it samples too: it draws with the same numbers', async () => {
    for (const options of [{ temperature: 0 }, { temperature: 1, seed: 3 }, { seed: 4, xtcProbability: 0.5 }]) {
      const { model } = toyModel({ next: repetitive() })
      const { stats, all } = generate(model, [1, 2], { ...options, draft: model, maxTokens: 40 })
      await all
      expect(stats.draftedTokens).toBeGreaterThan(20)
      expect(stats.acceptedTokens).toBe(stats.draftedTokens)
    }
  })

  test('a text that repeats takes a fraction of the passes', async () => {
    const { model, log } = toyModel({
      next: history =>
        Float32Array.from({ length: VOCAB }, (_, id) => Number(id === (history[history.length - 1] + 1) % 7)),
      maxSeqLen: 200,
    })
    const { stats, all } = generate(model, [0, 1, 2, 3, 4, 5, 6, 0, 1], {
      temperature: 0,
      draft: 'prompt',
      maxTokens: 90,
    })
    expect((await all).map(({ id }) => id)).toEqual(Array.from({ length: 90 }, (_, i) => (i + 2) % 7))
    expect(log.passes.length).toBeLessThan(20)
    expect(stats.acceptedTokens).toBe(90 - log.passes.length)
  })

  test('uses a device that finds the likeliest id by itself, for the draft too', async () => {
    const { model, log } = toyModel({ next: repetitive(), greedy: true })
    const draft = toyModel({ next: repetitive(), greedy: true })
    await generate(model, [1, 2], { temperature: 0, draft: draft.model, maxTokens: 20 }).all
    expect(new Set([...log.kinds, ...draft.log.kinds])).toEqual(new Set(['greedy']))
    expect(draft.log.sequences).toBe(0)
  })

  test('a draft model’s session keeps its tokens', async () => {
    const { model } = toyModel({ next: repetitive() })
    const draft = toyModel({ next: repetitive() })
    const session = createSession(draft.model)
    const options = { temperature: 0, draft: session, maxTokens: 6 }
    await generate(model, [1, 2, 3, 4, 5, 6], options).all
    const before = draft.log.passes.length
    await generate(model, [1, 2, 3, 4, 5, 6, 7], options).all
    expect(draft.log.passes[before].length).toBeLessThan(4)
    expect(draft.log.sequences).toBe(1)
  })
})

describe('prompt lookup', () => {
  /** By definition: of all earlier places of the longest known run of 3 (or else 2) ids, the one agreeing furthest back. */
  const byDefinition = (history: readonly number[], room: number) => {
    const agreeing = (end: number) => {
      let same = 0
      while (end - same >= 0 && history[end - same] === history[history.length - 1 - same]) same++
      return Math.min(same, 32)
    }
    const ends = history.slice(0, -1).map((_, end) => ({ end, same: agreeing(end) }))
    const [best] = ends.filter(({ same }) => same >= 2).sort((a, b) => b.same - a.same || b.end - a.end)
    return best ? history.slice(best.end + 1, best.end + 1 + Math.min(room, 4)) : []
  }

  test('drafts what followed the same run before', () => {
    fc.assert(
      fc.property(
        // Of two ids, so that many places have the same run, and the contexts before it tell them apart.
        fc.array(fc.nat(1), { minLength: 1, maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 9 }),
        (text, room) => {
          const drafter = promptLookup(8)
          // The text grows as a generation's does.
          for (let length = 1; length <= text.length; length++) {
            const history = text.slice(0, length)
            expect(drafter.propose(history, room)).toEqual(byDefinition(history, room))
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

test('prompt lookup takes the longest equal context before the latest place, up to 32 ids and 32 places', () => {
  const propose = (history: readonly number[]) => promptLookup(4).propose(history, 1)
  const run = [1, 2, 3]
  expect(propose([9, ...run, 5, 8, ...run, 6, 9, ...run])).toEqual([5])
  expect(propose([8, ...run, 5, 9, ...run, 6, 9, ...run])).toEqual([6])
  // Two contexts that agree in 32 ids or more are a tie, which the later one wins.
  const context = Array.from({ length: 40 }, (_, i) => 100 + i)
  expect(propose([...context, ...run, 5, ...context.slice(11), ...run, 6, ...context, ...run])).toEqual([6])
  expect(propose([...context, ...run, 5, ...context.slice(12), ...run, 6, ...context, ...run])).toEqual([5])
  const places = (count: number) => Array.from({ length: count }, () => [8, ...run, 6]).flat()
  expect(propose([9, ...run, 5, ...places(31), 9, ...run])).toEqual([5])
  expect(propose([9, ...run, 5, ...places(32), 9, ...run])).toEqual([6])
})

test('prompt lookup drafts more once its drafts are right', () => {
  const drafter = promptLookup(8)
  const text = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  expect(drafter.propose([...text, 1, 2, 3], 20)).toEqual([4, 5, 6, 7])
  drafter.learn(4, 4)
  expect(drafter.propose([...text, 1, 2, 3], 20)).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
})

test('drafts get longer while they are right, and shorter once they are not', () => {
  const length = new DraftLength(10)
  const lengths = [length.tokens]
  for (const accepted of [4, 8, 10, 2, 0, 0, 1, 2]) {
    length.learn(accepted, length.tokens)
    lengths.push(length.tokens)
  }
  expect(lengths).toEqual([4, 8, 10, 10, 3, 1, 1, 2, 4])
  expect(new DraftLength(2).tokens).toBe(2)
})
