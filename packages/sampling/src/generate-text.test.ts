import { describe, expect, test } from 'vitest'
import { collect, scripted, toyModel } from '../test/models'
import {
  checkGenerateTextOptions,
  generateText,
  generateTextBatch,
  OptionError,
  PromptError,
  type Sampler,
  type TextCodec,
} from './index'

/** Ids are bytes of UTF-8 and, from 256, BOS and a few words; as SentencePiece, it drops the space before the first word. */
const BOS = 256
const words = ['<s>', ' once', ' upon', ' END', ' EN', 'D', ' a']
const utf8 = new TextEncoder()

const codec: TextCodec = {
  encode: (text, { bos }) => [...(bos ? [BOS] : []), ...utf8.encode(text)],
  decoder() {
    const decoder = new TextDecoder()
    let atStart = true
    return {
      push(id) {
        if (id === BOS) return ''
        const bytes = id < 256 ? Uint8Array.of(id) : utf8.encode(words[id - BOS])
        const text = decoder.decode(atStart && bytes[0] === 32 ? bytes.slice(1) : bytes, { stream: true })
        atStart = false
        return text
      },
      end: () => decoder.decode(),
    }
  },
}

/** Keeps the highest id alone. */
const highest: Sampler = logits => logits.map((_, id) => (id === logits.length - 1 ? 0 : -Infinity))

const id = (word: string) => BOS + words.indexOf(word)
const says = (script: readonly number[], prompt = '') =>
  scripted(script, 1 + utf8.encode(prompt).length, { vocabSize: BOS + words.length })
const greedy = { temperature: 0 }

describe('generateText', () => {
  test('encodes the prompt with BOS, and gives the text that follows it', async () => {
    const { model, log } = says([id(' once'), id(' upon')])
    const generation = generateText(model, codec, '', { ...greedy, maxTokens: 2 })
    expect(await collect(generation)).toEqual(['once', ' upon'])
    expect(log.passes[0]).toEqual([BOS])
    expect(generation.finishReason).toBe('length')
    expect(generation.stats).toMatchObject({ promptTokens: 1, tokens: 2 })
  })

  test('after a prompt, a first word keeps its space', async () => {
    const { model } = says([id(' once')], 'hi')
    expect(await collect(generateText(model, codec, 'hi', { ...greedy, maxTokens: 1 }))).toEqual([' once'])
  })

  test('a character comes whole, once its last byte has come; a broken one comes at the end', async () => {
    const { model } = says([...utf8.encode('aé🦙'), 0xf0])
    expect(await collect(generateText(model, codec, '', { ...greedy, maxTokens: 8 }))).toEqual([
      'a',
      'é',
      '🦙',
      '\ufffd',
    ])
  })

  test('ends at a stop string that spans tokens, and gives no part of it', async () => {
    const { model, log } = says([id(' once'), id(' EN'), id('D'), id(' a')])
    const generation = generateText(model, codec, '', { ...greedy, stop: [' END', 'xyz'] })
    expect(await collect(generation)).toEqual(['once'])
    expect(generation.finishReason).toBe('stop')
    expect(generation.stats.tokens).toBe(3)
    expect(log).toMatchObject({ sequences: 0 })
  })

  test.each<[string, string | RegExp | (string | RegExp)[], object]>([
    ['a text', ' END', { stop: ' END', match: ' END' }],
    ['a regular expression', / E.D/, { stop: / E.D/, match: ' END' }],
    ['the one of several that matched', ['xyz', / E.D/], { stop: / E.D/, match: ' END' }],
  ])('takes as a stop %s, and tells it', async (_, stop, stopped) => {
    const { model } = says([id(' once'), id(' EN'), id('D'), id(' a')])
    const generation = generateText(model, codec, '', { ...greedy, stop })
    expect(await generation.text).toBe('once')
    expect(generation.finishReason).toBe('stop')
    expect(generation.stopped).toEqual(stopped)
  })

  test('a pattern that waits for the end matches there', async () => {
    const { model } = says([id(' once'), id(' EN'), id('D')])
    const generation = generateText(model, codec, '', { ...greedy, maxTokens: 3, stop: /\w+$/ })
    expect(await generation.text).toBe('once ')
    expect(generation).toMatchObject({ finishReason: 'stop', stopped: { match: 'END' } })
  })

  test('a stop in the first tokens that minTokens asks for is text', async () => {
    const { model } = says([id(' once'), id(' END'), id(' a'), id(' END')])
    const generation = generateText(model, codec, '', { ...greedy, stop: ' END', minTokens: 2 })
    expect(await generation.text).toBe('once END a')
    expect(generation.stats.tokens).toBe(4)
  })

  test('takes token ids as a prompt, and adds nothing to them', async () => {
    const { model, log } = says([id(' once')], 'a')
    const generation = generateText(model, codec, Uint16Array.of(7, id(' a')), { ...greedy, maxTokens: 1 })
    expect(await generation.text).toBe(' once')
    expect(log.passes).toEqual([[7, id(' a')]])
  })

  test('text is a promise of all pieces, and rejects where an iteration would throw', async () => {
    const { model } = says([id(' once'), id(' upon')])
    const generation = generateText(model, codec, '', { ...greedy, maxTokens: 2 })
    expect(await generation.text).toBe('once upon')
    expect(generation.finishReason).toBe('length')
    const aborted = generateText(model, codec, '', { signal: AbortSignal.abort(new Error('gone')) })
    await expect(aborted.text).rejects.toThrow('gone')
    expect(aborted.finishReason).toBe('abort')
  })

  test('breakers of DRY are texts, each the last id of its encoding', async () => {
    const colon = ':'.charCodeAt(0)
    const { model } = toyModel({
      next: () => {
        // After "ab:ab" the likeliest is ":" again; DRY makes it less likely, unless a breaker ends the run.
        return Float32Array.from({ length: 256 }, (_, each) => (each === colon ? 5 : each === 33 ? 4 : 0))
      },
    })
    const prompt = [...utf8.encode('ab:ab')]
    const run = (options: object) =>
      generateText(model, codec, prompt, { ...greedy, maxTokens: 1, dryMultiplier: 3, ...options }).text
    expect(await run({ dryBreakers: [] })).toBe('!')
    expect(await run({ dryBreakers: ['zb'] })).toBe(':')
    expect(await run({ dryBreakers: [98] })).toBe(':')
    expect(await run({})).toBe(':') // ":" is a breaker of its own: it is never penalised
    expect(() => generateText(model, codec, prompt, { dryBreakers: [''] })).toThrow(OptionError)
  })

  test('gives what was held back for a stop string that did not come', async () => {
    const { model } = says([id(' once'), id(' EN'), id(' a'), id(' EN')])
    const generation = generateText(model, codec, '', { ...greedy, maxTokens: 4, stop: [' END'] })
    expect(await collect(generation)).toEqual(['once', ' EN a', ' EN'])
    expect(generation.finishReason).toBe('length')
  })

  test('a stop string that the decoder completes at its end counts', async () => {
    const { model } = says([id(' once'), 0xf0])
    const generation = generateText(model, codec, '', { ...greedy, maxTokens: 2, stop: ['\ufffd'] })
    expect(await collect(generation)).toEqual(['once'])
    expect(generation.finishReason).toBe('stop')
  })

  test('a stop id ends it, and its text is not given', async () => {
    const { model } = says([id(' once'), id(' a'), id(' upon')])
    const generation = generateText(model, codec, '', { ...greedy, stopIds: [id(' a')] })
    expect(await collect(generation)).toEqual(['once'])
    expect(generation.finishReason).toBe('stop')
  })

  test('draws no id that the tokenizer cannot decode', async () => {
    const { model } = says([id(' a')])
    const small = { ...codec, vocabSize: 66 } // the highest id is 65, A
    const [text] = await collect(generateText(model, small, '', { sampler: highest, maxTokens: 1 }))
    expect(text).toBe('A')
  })

  test('draws no id below it that has no text', async () => {
    const { model } = toyModel({ next: () => Float32Array.from({ length: 80 }, (_, each) => each) })
    const holes = { ...codec, vocabSize: 70, gaps: [69, 68] }
    expect(await generateText(model, holes, '', { ...greedy, bannedIds: [67], maxTokens: 1 }).text).toBe('B')
  })

  test('onToken sees each token, with log-probabilities if asked for', async () => {
    const { model } = says([id(' once'), id(' EN')])
    const seen: [number, boolean][] = []
    const generation = generateText(model, codec, '', {
      ...greedy,
      maxTokens: 2,
      logprobs: 0,
      onToken: token => seen.push([token.id, token.logprob !== undefined]),
    })
    await collect(generation)
    expect(seen).toEqual([
      [id(' once'), true],
      [id(' EN'), true],
    ])
  })

  test('break disposes of the cache', async () => {
    const { model, log } = says([id(' once'), id(' upon')])
    for await (const _ of generateText(model, codec, '', greedy)) break
    expect(log).toMatchObject({ sequences: 0 })
  })

  test.each<[string, object]>([
    ['stop', { stop: '' }],
    ['stop', { stop: /(a)\1/ }],
    ['stop', { stop: [''] }],
    ['stop', { stop: ['END', ''] }],
    ['stop', { stop: [1] }],
    ['onToken', { onToken: true }],
    ['stops', { stops: ['END'] }],
    ['minP', { minP: 2 }],
    ['topP', { topP: 0.5, sampler: (logits: Float32Array) => logits }],
  ])('refuses a wrong %s at the call: %j', (option, options) => {
    const { model } = says([])
    expect(() => generateText(model, codec, '', options)).toThrow(OptionError)
    expect(() => generateText(model, codec, '', options)).toThrow(`option ${option} is`)
    expect(() => checkGenerateTextOptions(options)).toThrow(`option ${option} is`)
  })

  test('refuses a prompt longer than the context at the call', () => {
    const { model } = says([])
    expect(() => generateText(model, codec, 'a'.repeat(64))).toThrow(PromptError)
  })
})

describe('generateTextBatch', () => {
  test('gives n texts for each prompt, as its seeds give them alone', async () => {
    const { model } = toyModel({
      next: history =>
        Float32Array.from({ length: BOS }, (_, each) =>
          each > 96 && each < 123 ? Math.sin(each * history.length) : -50,
        ),
    })
    const options = { seed: 9, maxTokens: 6, temperature: 2, stop: ['q', /[xyz]{3}/] }
    const batch = generateTextBatch(model, codec, ['once', [BOS, 97]], { n: 3, ...options })
    const texts = await batch.texts
    for (const [i, text] of texts.entries()) {
      const alone = generateText(model, codec, i < 3 ? 'once' : [BOS, 97], { ...options, seed: batch.answers[i].seed })
      expect(text).toBe(await alone.text)
      expect(batch.answers[i].finishReason).toBe(alone.finishReason)
    }
    expect(new Set(texts).size).toBeGreaterThan(3)
  })
})
