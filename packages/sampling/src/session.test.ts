import { describe, expect, test } from 'vitest'
import { collect, scripted, toyModel } from '../test/models'
import { createSession, generate, Session, SessionError } from './index'

const greedy = { temperature: 0 }

/** Predicts the last id plus one. */
const counting = (toy: Partial<Parameters<typeof toyModel>[0]> = {}) =>
  toyModel({
    next: history => {
      const logits = new Float32Array(50)
      logits[(history[history.length - 1] + 1) % 50] = 9
      return logits
    },
    ...toy,
  })

describe('a session', () => {
  test('keeps its tokens: a chat of ten turns runs each token once', async () => {
    const { model, log } = counting({ maxSeqLen: 200 })
    const session = createSession(model)
    let ids = [1]
    for (let turn = 0; turn < 10; turn++) {
      const generation = generate(session, ids, { ...greedy, maxTokens: 3 })
      const answer = (await generation.all).map(({ id }) => id)
      // The last id of an answer has not been run: nobody has asked for what follows it.
      expect(generation.stats.cachedTokens).toBe(turn === 0 ? 0 : ids.length - 5)
      ids = [...ids, ...answer, 7, 8, 9, 1]
    }
    expect(log.passes.flat()).toHaveLength(ids.length - 5)
    session.dispose()
    expect(log.sequences).toBe(0)
  })

  test('rewinds to the prefix that a prompt has in common, and runs at least its last id', async () => {
    const { model, log } = counting()
    const session = createSession(model)
    await generate(session, [1, 2, 3], { ...greedy, maxTokens: 4 }).all
    expect(session.ids).toEqual([1, 2, 3, 4, 5, 6])
    const other = generate(session, [1, 2, 9], { ...greedy, maxTokens: 1 })
    expect(await other.all).toEqual([{ id: 10 }])
    expect(other.stats).toMatchObject({ promptTokens: 3, cachedTokens: 2 })
    expect(session.ids).toEqual([1, 2, 9])
    const same = generate(session, [1, 2, 9], { ...greedy, maxTokens: 1 })
    expect(await same.all).toEqual([{ id: 10 }])
    expect(same.stats.cachedTokens).toBe(2)
    expect(log.passes.slice(-2)).toEqual([[9], [9]])
  })

  test('gives the tokens that a fresh model gives, whatever came before', async () => {
    const next = (history: readonly number[]) =>
      Float32Array.from({ length: 8 }, (_, id) => Math.sin(id * 3 + history.reduce((sum, each) => sum * 3 + each, 1)))
    const { model } = toyModel({ next })
    const session = createSession(model)
    for (const prompt of [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2], [7], [1, 2, 3, 4]]) {
      const options = { seed: 5, maxTokens: 6 }
      expect(await generate(session, prompt, options).all).toEqual(await generate(model, prompt, options).all)
    }
  })

  test('may begin with a sequence that holds tokens', async () => {
    const { model, log } = counting()
    const sequence = model.createSequence({ capacity: 20 })
    await sequence.forward([1, 2])
    const generation = generate(new Session(sequence, [1, 2]), [1, 2, 3], { ...greedy, maxTokens: 1 })
    expect(await generation.all).toEqual([{ id: 4 }])
    expect(log.passes).toEqual([[1, 2], [3]])
    expect(() => new Session(sequence, [1])).toThrow(
      new SessionError('the sequence holds 3 tokens, and 1 ids are given for them'),
    )
  })

  test('serves one generation at a time', async () => {
    const { model } = counting()
    const session = createSession(model)
    const first = generate(session, [1], greedy)[Symbol.asyncIterator]()
    await first.next()
    await expect(generate(session, [1], greedy).all).rejects.toThrow('another generation uses the session')
    await first.return()
    expect(await generate(session, [1], { ...greedy, maxTokens: 1 }).all).toEqual([{ id: 2 }])
    session.dispose()
    session.dispose()
    await expect(generate(session, [1], greedy).all).rejects.toThrow(
      new SessionError('the session is disposed of: create another one'),
    )
  })

  test('works again after an abort, when the running pass has ended', async () => {
    let release = () => {}
    const { model, log } = counting({
      wait: () =>
        new Promise<void>(resolve => {
          release = resolve
        }),
    })
    const session = createSession(model)
    const controller = new AbortController()
    const aborted = generate(session, [1, 2, 3], { ...greedy, signal: controller.signal })
    setTimeout(() => controller.abort(), 5)
    await expect(aborted.all).rejects.toMatchObject({ name: 'AbortError' })
    expect(aborted.finishReason).toBe('abort')

    const next = generate(session, [1, 2, 4], { ...greedy, maxTokens: 1 })
    const answer = next.all
    setTimeout(release, 5)
    setTimeout(() => release(), 25)
    expect(await answer).toEqual([{ id: 5 }])
    expect(next.stats.cachedTokens).toBe(2)
    expect(log.passes).toEqual([[1, 2, 3], [4]])
  })

  test('of a model that cannot find the likeliest id says so', () => {
    const session = createSession(counting().model)
    expect(session.canBeGreedy).toBe(false)
    expect(() => session.greedy([1], {})).toThrow("the session's model cannot find the most likely id itself")
  })

  test('stays disposed of, though a generation that used it ends later', async () => {
    const { model, log } = counting()
    const session = createSession(model)
    const generation = generate(session, [1], greedy)[Symbol.asyncIterator]()
    await generation.next()
    session.dispose()
    await generation.return()
    await expect(generate(session, [1], greedy).all).rejects.toThrow('the session is disposed of')
    expect(log.sequences).toBe(0)
  })

  test('holds what both it and its sequence hold', async () => {
    const sequence = counting().model.createSequence({ capacity: 64 })
    await sequence.forward([1, 2, 3], {})
    const session = new Session(sequence, [1, 2, 3])
    expect([session.length, session.ids]).toEqual([3, [1, 2, 3]])
    // Its owner has rewound the sequence.
    sequence.rewind(2)
    expect([session.length, session.ids]).toEqual([2, [1, 2]])
    session.rewind(2)
    expect(sequence.length).toBe(2)
    expect(() => new Session(sequence, [1])).toThrow('the sequence holds 2 tokens, and 1 ids are given for them')
  })

  test('is freed at the end of a block', () => {
    const { model, log } = counting()
    {
      using session = createSession(model)
      expect(session.capacity).toBe(64)
      expect(log.sequences).toBe(1)
    }
    expect(log.sequences).toBe(0)
  })

  test('of a smaller capacity is full sooner', async () => {
    const { model } = scripted([5, 6, 7, 8], 1)
    const session = createSession(model, { capacity: 3 })
    const generation = generate(session, [1], greedy)
    expect(await collect(generation)).toHaveLength(3)
    expect(generation.finishReason).toBe('context')
  })
})
