import { describe, expect, expectTypeOf, test } from 'vitest'
import { collect, timedPasses, toyModel } from '../test/models'
import { type Batch, generate, generateBatch, OptionError, PromptError, type Token } from './index'

const next = (history: readonly number[]) =>
  Float32Array.from({ length: 20 }, (_, id) =>
    Math.sin(id * 5 + (history.reduce((sum, each) => sum * 7 + each, 3) % 101)),
  )

const idsOf = async (batch: Batch<Token>) => (await batch.all).map(tokens => tokens.map(({ id }) => id))

describe('generateBatch', () => {
  test('gives n answers for a prompt that is computed once, each as its own seed gives it', async () => {
    const { model, log } = toyModel({ next })
    const batch = generateBatch(model, [[1, 2, 3, 4]], { n: 8, seed: 100, maxTokens: 5, temperature: 1.5 })
    const answers = await idsOf(batch)
    expect(log.passes.filter(ids => ids.length > 1)).toEqual([[1, 2, 3, 4]])
    expect(log).toMatchObject({ sequences: 0, forks: 7 })
    expect(log.passes).toHaveLength(1 + 8 * 4)
    const seeds = batch.answers.map(({ seed }) => seed)
    expect(seeds[0]).toBe(100)
    expect(new Set(seeds).size).toBe(8)
    expect(batch.answers.map(({ stats }) => stats.promptTokens - stats.cachedTokens)).toEqual([4, 0, 0, 0, 0, 0, 0, 0])
    expect(batch.answers.every(({ finishReason }) => finishReason === 'length')).toBe(true)
    expect(new Set(answers.map(String)).size).toBeGreaterThan(4)
    for (const [i, answer] of answers.entries()) {
      const alone = await generate(model, [1, 2, 3, 4], { seed: seeds[i], maxTokens: 5, temperature: 1.5 }).all
      expect(answer).toEqual(alone.map(({ id }) => id))
    }
  })

  test('gives n answers to each of several prompts, of any length', async () => {
    const { model, log } = toyModel({ next })
    const prompts = [[1], [1, 2, 3, 4, 5, 6], Uint32Array.of(9, 8)]
    const batch = generateBatch(model, prompts, { n: 2, seed: 7, maxTokens: 4 })
    const answers = await idsOf(batch)
    for (const [i, answer] of answers.entries()) {
      const alone = await generate(model, prompts[i >> 1], { seed: batch.answers[i].seed, maxTokens: 4 }).all
      expect(answer).toEqual(alone.map(({ id }) => id))
    }
    expect(log.sequences).toBe(0)
  })

  test('items come when they are ready, and all loops ask for their next pass at the same time', async () => {
    let running = 0
    let most = 0
    const wait = async () => {
      most = Math.max(most, ++running)
      await new Promise(resolve => setTimeout(resolve, 1))
      running--
    }
    const { model } = toyModel({ next, wait })
    const batch = generateBatch(model, [[1], [2], [3]], { n: 2, maxTokens: 6, seed: 1 })
    const items = await collect(batch)
    expect(most).toBe(6)
    for (let index = 0; index < 6; index++) {
      const mine = items.filter(item => item.index === index).map(({ item }) => item)
      expect(mine).toEqual((await batch.all)[index])
      expect(mine).toHaveLength(6)
    }
    // In turn, not one answer after another.
    expect(new Set(items.slice(0, 6).map(({ index }) => index)).size).toBe(6)
  })

  test('a slow consumer lets no answer run far ahead', async () => {
    const { model, log } = toyModel({ next })
    const iterator = generateBatch(model, [[1], [2]], { seed: 1 })[Symbol.asyncIterator]()
    await iterator.next()
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(log.passes.length).toBeLessThan(8)
    await iterator.return()
    expect(log.sequences).toBe(0)
  })

  test('drafts in a batch change no answer', async () => {
    const { model, log } = toyModel({ next })
    const options = { n: 3, seed: 4, maxTokens: 12, topK: 2 }
    const plain = await idsOf(generateBatch(model, [[1, 2], [3]], options))
    expect(await idsOf(generateBatch(model, [[1, 2], [3]], { ...options, draft: 'prompt' }))).toEqual(plain)
    expect(await idsOf(generateBatch(model, [[1, 2], [3]], { ...options, draft: model }))).toEqual(plain)
    expect(log.sequences).toBe(0)
  })

  test('reports the progress of all prompts together', async () => {
    const { model } = toyModel({ next })
    const told: [number, number][] = []
    const onPromptProgress = (done: number, total: number) => void told.push([done, total])
    await generateBatch(
      model,
      [
        [1, 2],
        [3, 4, 5],
      ],
      { n: 2, maxTokens: 1, onPromptProgress },
    ).all
    // Either prompt may be the first.
    expect([2, 3]).toContain(told[0][0])
    expect(told).toEqual([
      [told[0][0], 5],
      [5, 5],
    ])
  })

  test('the seconds of a prompt are those of its pass, and of the answer that asked for it', async () => {
    const { wait } = timedPasses([64, 16, 32])
    const batch = generateBatch(toyModel({ next, wait }).model, [[1, 2]], { n: 1, maxTokens: 3 })
    await batch.all
    expect(batch.answers[0].stats).toMatchObject({ promptSeconds: 0.064, decodeSeconds: 0.048 })
  })

  test('runs a prompt in a sequence of the size that the answer needs, with the signal and the progress of its caller', async () => {
    const { model, log } = toyModel({ next })
    const { signal } = new AbortController()
    const requests: (AbortSignal | undefined)[] = []
    const told: number[] = []
    const watched: typeof model = {
      ...model,
      createSequence(options) {
        const sequence = model.createSequence(options)
        const { forward } = sequence
        sequence.forward = (ids, request) => {
          requests.push(request?.signal)
          // A model that tells its progress within the pass.
          if (ids.length > 1) request?.onProgress?.(1)
          return forward(ids, request)
        }
        return sequence
      },
    }
    const onPromptProgress = (done: number) => void told.push(done)
    await generateBatch(watched, [[1, 2, 3]], { n: 1, maxTokens: 2, signal, onPromptProgress }).all
    expect(log.capacity).toBe(4)
    expect(requests).toEqual([signal, signal])
    expect(told).toEqual([1, 3])
  })

  test('types, and no prompt at all', async () => {
    const { model } = toyModel({ next })
    expectTypeOf(generateBatch(model, [[1]])).toEqualTypeOf<Batch<Token>>()
    expect(await generateBatch(model, []).all).toEqual([])
  })
})

describe('a batch that is ended early frees everything', () => {
  test('break', async () => {
    const { model, log } = toyModel({ next })
    const batch = generateBatch(model, [[1], [2]], { n: 3 })
    for await (const _ of batch) break
    expect(log.sequences).toBe(0)
    expect(batch.answers.map(({ finishReason }) => finishReason)).toEqual(new Array(6).fill(undefined))
  })

  test('abort', async () => {
    const { model, log } = toyModel({ next, maxSeqLen: 1_000_000 })
    const batch = generateBatch(model, [[1], [2]], { n: 2, signal: AbortSignal.timeout(30) })
    await expect(batch.all).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(batch.answers.map(({ finishReason }) => finishReason)).toEqual(new Array(4).fill('abort'))
    expect(log.sequences).toBe(0)
  })

  test('abort before the start', async () => {
    const { model, log } = toyModel({ next })
    await expect(generateBatch(model, [[1]], { n: 2, signal: AbortSignal.abort() }).all).rejects.toThrow()
    expect(log.created).toBe(0)
  })

  test('an error of the model, in the prompt or later', async () => {
    for (const at of [2, 4]) {
      const { model, log } = toyModel({
        next: history => {
          if (history.length >= at) throw new Error('device lost')
          return next(history)
        },
      })
      await expect(generateBatch(model, [[1, 2], [3]], { n: 2 }).all).rejects.toThrow('device lost')
      expect(log.sequences).toBe(0)
    }
  })

  test.each([1, 2])('an error of fork %i', async failedFork => {
    const { model, log } = toyModel({ next })
    const broken = {
      ...model,
      createSequence(options: { capacity: number }) {
        const sequence = model.createSequence(options)
        const { fork } = sequence
        const value = () => (log.forks + 1 < failedFork ? fork() : Promise.reject(new Error('no memory')))
        return Object.defineProperty(sequence, 'fork', { value })
      },
    }
    await expect(generateBatch(broken, [[1, 2]], { n: 4 }).all).rejects.toThrow('no memory')
    expect(log).toMatchObject({ sequences: 0, forks: failedFork - 1 })
  })
})

test('bad input is refused at the call', () => {
  const { model } = toyModel({ next })
  expect(() => generateBatch(model, [[1], []])).toThrow(PromptError)
  expect(() => generateBatch(model, [[1]], { n: 0 })).toThrow(OptionError)
  expect(() => generateBatch(model, [[1]], { topK: -1 })).toThrow(OptionError)
  // @ts-expect-error: the option of another library
  expect(() => generateBatch(model, [[1]], { best_of: 2 })).toThrow(OptionError)
})
