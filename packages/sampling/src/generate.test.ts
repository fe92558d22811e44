import { describe, expect, expectTypeOf, test } from 'vitest'
import { collect, scripted, timedPasses, toyModel } from '../test/models'
import {
  type FinishReason,
  type GenerateOptions,
  type Generation,
  generate,
  LogitsError,
  OptionError,
  PromptError,
  type SequenceModel,
  type Session,
  type Stopped,
  type Token,
  xorshift,
} from './index'

const greedy = { temperature: 0 }
const idsOf = async (generation: Generation<Token>) => (await collect(generation)).map(({ id }) => id)

describe('generate', () => {
  test('runs the prompt in one pass, then one token a pass', async () => {
    const { model, log } = scripted([5, 6, 7], 3)
    const generation = generate(model, [1, 2, 3], { ...greedy, maxTokens: 3 })
    expect(log.passes).toEqual([])
    expect(await idsOf(generation)).toEqual([5, 6, 7])
    expect(log.passes).toEqual([[1, 2, 3], [5], [6]])
    expect(log.capacity).toBe(5)
    expect(generation.finishReason).toBe('length')
    expect(generation.stats).toMatchObject({ promptTokens: 3, tokens: 3 })
    expect(log).toMatchObject({ sequences: 0 })
  })

  test('takes a typed array of ids, and leaves it as it is', async () => {
    const prompt = Uint32Array.of(1, 2)
    const { model } = scripted([5, 6], 2)
    expect(await idsOf(generate(model, prompt, { ...greedy, maxTokens: 2 }))).toEqual([5, 6])
    expect([...prompt]).toEqual([1, 2])
  })

  test('ends at a stop id, which is neither given nor counted', async () => {
    const { model, log } = scripted([5, 6, 2, 7], 1)
    const generation = generate(model, [1], { ...greedy, stopIds: [3, 2] })
    expect(await idsOf(generation)).toEqual([5, 6])
    expect(generation.finishReason).toBe('stop')
    expect(generation.stopped).toEqual({ id: 2 })
    expect(generation.stats.tokens).toBe(2)
    expect(log).toMatchObject({ sequences: 0 })
  })

  test('ends where the context is full: every position is run, and the last gives a token', async () => {
    const { model, log } = scripted([5, 6, 7, 8, 9], 2, { maxSeqLen: 4 })
    const generation = generate(model, [1, 2], greedy)
    expect(await idsOf(generation)).toEqual([5, 6, 7])
    expect(generation.finishReason).toBe('context')
    expect(log.passes.flat()).toHaveLength(4)
    expect(log.capacity).toBe(4)
  })

  test('a prompt as long as the context gives one token', async () => {
    const { model } = scripted([5], 2, { maxSeqLen: 2 })
    expect(await idsOf(generate(model, [1, 2], greedy))).toEqual([5])
  })

  test('the repetition penalty sees the prompt and what was generated', async () => {
    const next = () => Float32Array.of(4, 3, 2, 1)
    const { model } = toyModel({ next })
    const ids = await idsOf(generate(model, [0], { ...greedy, repetitionPenalty: 100, maxTokens: 4 }))
    expect(ids).toEqual([1, 2, 3, 0])
  })

  test('draws by the documented generator: a seed gives the tokens that its numbers say', async () => {
    const next = () => new Float32Array(8) // uniform, so that a token is floor(8 u)
    const { model } = toyModel({ next })
    const generation = generate(model, [0], { temperature: 1, topP: 1, seed: 42, maxTokens: 20 })
    const random = xorshift(42)
    expect(await idsOf(generation)).toEqual(Array.from({ length: 20 }, () => Math.floor(8 * random())))
    expect(generation.seed).toBe(42)
  })

  test('without a seed takes a random one, and tells it', async () => {
    const next = () => new Float32Array(1000)
    const { model } = toyModel({ next })
    const options = { topP: 1, maxTokens: 20 }
    const first = generate(model, [0], options)
    const other = generate(model, [0], options)
    const ids = await idsOf(first)
    expect(await idsOf(other)).not.toEqual(ids)
    expect(await idsOf(generate(model, [0], { ...options, seed: first.seed }))).toEqual(ids)
  })

  test('draws no id of a padded vocabulary, nor counts it among the likeliest', async () => {
    const { model } = toyModel({ next: () => Float32Array.of(1, 2, 9, 9) })
    const [token] = await collect(generate(model, [0], { ...greedy, vocabSize: 2, maxTokens: 1, logprobs: 9 }))
    expect(token.id).toBe(1)
    expect(token.top?.map(({ id }) => id)).toEqual([1, 0])
  })

  test('takes a custom sampler', async () => {
    const { model } = scripted([5, 6], 1)
    const onlyThree = (logits: Float32Array) => logits.map((logit, id) => (id === 3 ? logit : -Infinity))
    expect(await idsOf(generate(model, [1], { sampler: onlyThree, maxTokens: 2 }))).toEqual([3, 3])
  })

  test('iterating a second time gives nothing, as with any generator', async () => {
    const { model } = scripted([5], 1)
    const generation = generate(model, [1], { ...greedy, maxTokens: 1 })
    expect(await collect(generation)).toHaveLength(1)
    expect(await collect(generation)).toHaveLength(0)
  })

  test.each<[string, () => Iterable<number>]>([
    ['a set', () => new Set([2])],
    ['a typed array', () => Int32Array.of(2)],
    ['a generator, which can be read once', () => [2][Symbol.iterator]()],
  ])('takes stop ids as %s', async (_, stopIds) => {
    const { model } = scripted([5, 6, 2, 7], 1)
    expect(await idsOf(generate(model, [1], { ...greedy, stopIds: stopIds() }))).toEqual([5, 6])
  })

  test('refuses a generator that gives a value that is not an id', () => {
    const { model } = scripted([5], 1)
    const stopIds = ['</s>'][Symbol.iterator]() as unknown as Iterable<number>
    expect(() => generate(model, [1], { stopIds })).toThrow(
      new OptionError('stopIds', ['</s>'], 'token ids, such as an array of them'),
    )
  })

  test('draws no stop id in the first tokens that minTokens asks for', async () => {
    const next = () => Float32Array.of(9, 8, 1)
    const options = { stopIds: [0], minTokens: 3 }
    for (const greedyModel of [true, false]) {
      const { model, log } = toyModel({ next, greedy: greedyModel })
      const generation = generate(model, [1], { ...greedy, ...options })
      expect(await idsOf(generation)).toEqual([1, 1, 1])
      expect(generation.finishReason).toBe('stop')
      expect(log.kinds.at(-1)).toBe(greedyModel ? 'greedy' : 'forward')
    }
    const own = (logits: Float32Array) => logits.map((logit, id) => (id === 2 ? -Infinity : logit))
    expect(await idsOf(generate(toyModel({ next }).model, [1], { sampler: own, seed: 1, ...options }))).toEqual([
      1, 1, 1,
    ])
  })

  test('draws no banned id, by any sampler', async () => {
    const next = () => Float32Array.of(9, 8, 1)
    for (const options of [greedy, { sampler: (logits: Float32Array) => logits }]) {
      const { model, log } = toyModel({ next, greedy: true })
      expect(await idsOf(generate(model, [1], { ...options, bannedIds: new Set([0, 1, 7]), maxTokens: 2 }))).toEqual([
        2, 2,
      ])
      expect(log.kinds).toEqual(['forward', 'forward'])
    }
  })

  test('maxTokens may be Infinity', async () => {
    const { model } = scripted([5, 6, 7, 8], 1, { maxSeqLen: 3 })
    const generation = generate(model, [1], { ...greedy, maxTokens: Infinity })
    expect(await idsOf(generation)).toEqual([5, 6, 7])
    expect(generation.finishReason).toBe('context')
  })

  test('tells the progress of the prompt, and that it is done', async () => {
    const { model } = scripted([5, 6, 7], 3)
    const told: [number, number][] = []
    const onPromptProgress = (done: number, total: number) => void told.push([done, total])
    await generate(model, [1, 2, 3], { ...greedy, maxTokens: 3, onPromptProgress }).all
    expect(told).toEqual([[3, 3]])

    // A model that reports nothing.
    const silent: SequenceModel = {
      maxSeqLen: 8,
      createSequence: () => ({
        capacity: 8,
        length: 0,
        forward: async () => [Float32Array.of(1, 2)],
        rewind() {},
        fork: () => silent.createSequence({ capacity: 8 }),
        dispose() {},
      }),
    }
    told.length = 0
    await generate(silent, [1, 2, 3], { ...greedy, maxTokens: 1, onPromptProgress }).all
    expect(told).toEqual([[3, 3]])
  })

  test('types', () => {
    const { model } = scripted([5], 1)
    expectTypeOf<Parameters<typeof generate>[0]>().toEqualTypeOf<SequenceModel | Session>()
    expectTypeOf<GenerateOptions['topP']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<GenerateOptions['stopIds']>().toEqualTypeOf<Iterable<number> | undefined>()
    expectTypeOf<GenerateOptions['draft']>().toEqualTypeOf<'prompt' | SequenceModel | Session | undefined>()
    expectTypeOf<GenerateOptions['signal']>().toEqualTypeOf<AbortSignal | undefined>()
    expectTypeOf<Generation<Token>['finishReason']>().toEqualTypeOf<FinishReason | undefined>()
    expectTypeOf<Generation<Token>['stopped']>().toEqualTypeOf<Stopped | undefined>()
    expectTypeOf<Generation<Token>['all']>().toEqualTypeOf<Promise<readonly Token[]>>()
    expectTypeOf(generate(model, [1])).toEqualTypeOf<Generation<Token>>()
    expectTypeOf<Token['logprob']>().toEqualTypeOf<number | undefined>()
    // @ts-expect-error: an option of another library
    expect(() => generate(model, [1], { top_p: 0.9 })).toThrow(OptionError)
  })
})

describe('all', () => {
  test('runs a generation to its end, and gives the same each time', async () => {
    const { model } = scripted([5, 6], 1)
    const generation = generate(model, [1], { ...greedy, maxTokens: 2 })
    expect(await generation.all).toEqual([{ id: 5 }, { id: 6 }])
    expect(await generation.all).toEqual([{ id: 5 }, { id: 6 }])
    expect(await collect(generation)).toEqual([])
  })

  test('waits for an iteration that has begun, and holds what it saw', async () => {
    const { model } = scripted([5, 6, 7], 1)
    const generation = generate(model, [1], greedy)
    const iterator = generation[Symbol.asyncIterator]()
    await iterator.next()
    const { all } = generation
    await iterator.next()
    await iterator.return()
    expect(await all).toEqual([{ id: 5 }, { id: 6 }])
  })

  test('rejects where the iteration throws', async () => {
    const { model } = toyModel({ next: () => Float32Array.of(Number.NaN) })
    const generation = generate(model, [1], greedy)
    await expect(collect(generation)).rejects.toThrow(LogitsError)
    await expect(generation.all).rejects.toThrow(LogitsError)
  })
})

describe('a model that can find the likeliest id itself', () => {
  const next = () => Float32Array.of(3, 1, 9, 2)

  test('is asked for it whenever no sampler needs logits', async () => {
    const { model, log } = toyModel({ next, greedy: true })
    for (const options of [greedy, { ...greedy, topK: 2, topP: 0.5 }, { ...greedy, repetitionPenalty: 1 }]) {
      log.kinds.length = 0
      expect(await idsOf(generate(model, [0], { ...options, maxTokens: 2 }))).toEqual([2, 2])
      expect(log.kinds).toEqual(['greedy', 'greedy'])
    }
    expect(await idsOf(generate(model, [0], { ...greedy, vocabSize: 2, maxTokens: 1 }))).toEqual([0])
  })

  test.each<[string, GenerateOptions]>([
    ['a penalty', { ...greedy, repetitionPenalty: 1.5 }],
    ['a bias', { ...greedy, logitBias: { 1: 0 } }],
    ['log-probabilities', { ...greedy, logprobs: 0 }],
    ['a custom sampler', { sampler: logits => logits }],
    ['a temperature', {}],
    ['no temperature among the samplers', { samplers: ['topP'] }],
  ])('is not asked with %s', async (_, options) => {
    const { model, log } = toyModel({ next, greedy: true })
    await generate(model, [0], { ...options, maxTokens: 1 }).all
    expect(log.kinds).toEqual(['forward'])
  })

  test('that finds none ends the generation with a LogitsError', async () => {
    const { model, log } = toyModel({ next: () => Float32Array.of(Number.NaN, 1), greedy: true })
    await expect(generate(model, [0], greedy).all).rejects.toThrow(LogitsError)
    expect(log).toMatchObject({ sequences: 0, kinds: ['greedy'] })
  })
})

describe('a model that can draw an id itself', () => {
  const next = (history: readonly number[]) =>
    Float32Array.from({ length: 12 }, (_, id) => Math.sin(id * history.length))
  const drawn = async (options: GenerateOptions, draws: boolean) => {
    const { model, log } = toyModel({ next, draws, greedy: draws })
    return {
      ids: await idsOf(generate(model, [1, 2], { seed: 3, maxTokens: 30, ...options })),
      kinds: new Set(log.kinds),
    }
  }

  test.each<[string, GenerateOptions]>([
    ['the defaults', {}],
    ['a temperature alone', { temperature: 2, topP: 1 }],
    ['both, and samplers that change nothing', { temperature: 1.5, topP: 0.7, minP: 0, repetitionPenalty: 1 }],
    ['fewer ids', { vocabSize: 5 }],
  ])('draws the same ids, with %s', async (_, options) => {
    const own = await drawn(options, true)
    expect(own.kinds).toEqual(new Set(['draw']))
    expect(own.ids).toEqual((await drawn(options, false)).ids)
    expect(new Set(own.ids).size).toBeGreaterThan(3)
  })

  test.each<[string, GenerateOptions]>([
    ['another sampler', { topK: 3 }],
    ['the samplers in another order', { samplers: ['topP', 'temperature'] }],
    ['a penalty', { repetitionPenalty: 1.1 }],
    ['log-probabilities', { logprobs: 0 }],
    ['banned ids', { bannedIds: [1] }],
    ['a custom sampler', { sampler: logits => logits }],
    ['a temperature near zero', { temperature: 1e-4 }],
    ['no temperature', { samplers: ['topP'] }],
  ])('is not asked with %s', async (_, options) => {
    expect((await drawn(options, true)).kinds).toEqual(new Set(['forward']))
  })

  test('is not asked for a draft, which takes the same numbers', async () => {
    const own = await drawn({ draft: 'prompt', temperature: 0.05 }, true)
    expect(own.ids).toEqual((await drawn({ temperature: 0.05 }, false)).ids)
  })

  test('that finds none ends the generation with a LogitsError', async () => {
    const { model, log } = toyModel({ next: () => Float32Array.of(Number.NaN, 1), draws: true })
    await expect(generate(model, [0]).all).rejects.toThrow(LogitsError)
    expect(log).toMatchObject({ sequences: 0, kinds: ['draw'] })
  })
})

describe('logprobs', () => {
  const logits = Float32Array.from([0.5, 0.25, 0.15, 0.1], p => Math.log(p) + 7)
  const model = () => toyModel({ next: () => logits }).model

  test('are of the model’s own distribution, whatever the samplers do', async () => {
    const [token] = await collect(generate(model(), [0], { ...greedy, maxTokens: 1, logprobs: 2 }))
    expect(token.id).toBe(0)
    expect(token.logprob).toBeCloseTo(Math.log(0.5), 6)
    expect(token.top?.map(({ id }) => id)).toEqual([0, 1])
    expect(token.top?.[1].logprob).toBeCloseTo(Math.log(0.25), 6)
  })

  test('0 gives the token’s own alone, and more than the vocabulary gives the vocabulary', async () => {
    const [alone] = await collect(generate(model(), [0], { ...greedy, maxTokens: 1, logprobs: 0 }))
    expect(alone.logprob).toBeCloseTo(Math.log(0.5), 6)
    expect(alone.top).toEqual([])
    const [all] = await collect(generate(model(), [0], { ...greedy, maxTokens: 1, logprobs: 9 }))
    expect(all.top?.map(({ id }) => id)).toEqual([0, 1, 2, 3])
  })

  test('are absent unless asked for', async () => {
    const [token] = await collect(generate(model(), [0], { ...greedy, maxTokens: 1 }))
    expect(token).toEqual({ id: 0 })
  })
})

describe('bad input', () => {
  const { model } = scripted([5], 1, { maxSeqLen: 4 })

  test.each<[string, ArrayLike<number>, string]>([
    ['missing', undefined as never, 'the prompt is undefined: give a text or token ids'],
    ['null', null as never, 'the prompt is null: give a text or token ids'],
    ['a number', 5 as never, 'the prompt is number: give a text or token ids'],
    ['empty', [], 'the prompt holds no token: give at least BOS'],
    ['too long', [1, 2, 3, 4, 5], 'the prompt is 5 tokens long and the model’s context 4: shorten the prompt'],
    ['of a negative id', [1, -2], 'token 1 of the prompt is -2'],
    ['of a fraction', [1.5], 'token 0 of the prompt is 1.5'],
  ])('a prompt that is %s is refused at the call', (_, prompt, message) => {
    expect(() => generate(model, prompt)).toThrow(PromptError)
    expect(() => generate(model, prompt)).toThrow(message.replace('’', "'"))
  })

  test('an option out of range is refused at the call', () => {
    expect(() => generate(model, [1], { maxTokens: -1 })).toThrow(OptionError)
  })

  test.each([NaN, Infinity])('a logit of %d is refused, and everything disposed of', async broken => {
    const { model, log } = toyModel({ next: () => Float32Array.of(0, broken) })
    await expect(collect(generate(model, [1]))).rejects.toThrow(LogitsError)
    await expect(collect(generate(model, [1], greedy))).rejects.toThrow(LogitsError)
    expect(log).toMatchObject({ sequences: 0 })
  })
})

describe('every way out disposes of the cache and the logits', () => {
  test('break', async () => {
    const { model, log } = scripted([5, 6, 7], 1)
    const generation = generate(model, [1], greedy)
    for await (const { id } of generation) if (id === 6) break
    expect(log).toMatchObject({ sequences: 0 })
    expect(log.passes).toHaveLength(2)
    expect(generation.finishReason).toBeUndefined()
  })

  test('an error of the consumer', async () => {
    const { model, log } = scripted([5, 6, 7], 1)
    const consume = async () => {
      for await (const _ of generate(model, [1], greedy)) throw new Error('full disk')
    }
    await expect(consume()).rejects.toThrow('full disk')
    expect(log).toMatchObject({ sequences: 0 })
  })

  test('an error of the model, in forward and in read', async () => {
    const broken = toyModel({
      next: () => {
        throw new Error('device lost')
      },
    })
    await expect(collect(generate(broken.model, [1]))).rejects.toThrow('device lost')
    expect(broken.log.sequences).toBe(0)

    const unread = toyModel({
      next: () => new Float32Array(2),
      wait: () => Promise.reject(new Error('unmapped')),
    })
    await expect(collect(generate(unread.model, [1]))).rejects.toThrow('unmapped')
    expect(unread.log).toMatchObject({ sequences: 0 })
  })
})

describe('abort', () => {
  const gone = new Error('the user left')

  test('before the start runs nothing', async () => {
    const { model, log } = scripted([5], 1)
    await expect(collect(generate(model, [1], { signal: AbortSignal.abort(gone) }))).rejects.toBe(gone)
    expect(log).toMatchObject({ passes: [], created: 0 })
  })

  test('between tokens ends with the signal’s reason', async () => {
    const { model, log } = scripted([5, 6, 7], 1)
    const controller = new AbortController()
    const seen: number[] = []
    const consume = async () => {
      for await (const { id } of generate(model, [1], { ...greedy, signal: controller.signal })) {
        seen.push(id)
        if (id === 6) controller.abort(gone)
      }
    }
    await expect(consume()).rejects.toBe(gone)
    expect(seen).toEqual([5, 6])
    expect(log.passes).toHaveLength(2)
    expect(log).toMatchObject({ sequences: 0 })
  })

  test('between the tokens of a draft gives none after it', async () => {
    const { model, log } = scripted([5, 6, 5, 6, 5, 6, 5, 6], 4)
    const controller = new AbortController()
    const generation = generate(model, [5, 6, 5, 6], { ...greedy, draft: 'prompt', signal: controller.signal })
    const seen: number[] = []
    const consume = async () => {
      for await (const { id } of generation) {
        seen.push(id)
        if (seen.length === 3) controller.abort(gone)
      }
    }
    await expect(consume()).rejects.toBe(gone)
    // The pass that gave the third token has a fourth one ready.
    expect(log.passes.at(-1)?.length).toBeGreaterThan(2)
    expect(seen).toEqual([5, 6, 5])
    expect(generation.finishReason).toBe('abort')
    expect(log.sequences).toBe(0)
  })

  test('while the logits are awaited ends at once, though they never come or fail later', async () => {
    for (const wait of [
      () => new Promise(() => {}),
      () => new Promise((_, reject) => setTimeout(reject, 30, 'late')),
    ]) {
      const { model, log } = scripted([5], 1, { wait })
      const controller = new AbortController()
      setTimeout(() => controller.abort(gone), 5)
      await expect(collect(generate(model, [1], { signal: controller.signal }))).rejects.toBe(gone)
      expect(log).toMatchObject({ sequences: 0 })
    }
    await new Promise(resolve => setTimeout(resolve, 40)) // an unhandled rejection would fail the run
  })

  test('leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    await collect(generate(scripted([5], 1).model, [1], { signal, maxTokens: 20 }))
    expect(listeners).toBe(0)
  })
})

test('a model that never leaves the microtask queue lets timers run: a timer can abort it', async () => {
  const { model } = toyModel({ maxSeqLen: Number.MAX_SAFE_INTEGER, next: () => new Float32Array(4) })
  const signal = AbortSignal.timeout(50)
  await expect(collect(generate(model, [1], { signal }))).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('the seconds of the prompt and of decoding are reported separately, and the consumer’s are not counted', async () => {
  const { wait, advance } = timedPasses([64, 16, 32])
  const generation = generate(scripted([5, 6, 7], 1, { wait }).model, [1], { ...greedy, maxTokens: 3 })
  for await (const _ of generation) advance(500)
  expect(generation.stats).toMatchObject({ promptSeconds: 0.064, decodeSeconds: 0.048 })
})
