import { describe, expect, test } from 'vitest'
import { collect, scripted } from '../test/models'
import { checkGenerateTextOptions, generateText, OptionError, PromptError, type Sampler, type TextCodec } from './index'

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

  test('ends at a stop string across tokens, no part of which is given', async () => {
    const { model, log } = says([id(' once'), id(' EN'), id('D'), id(' a')])
    const generation = generateText(model, codec, '', { ...greedy, stop: [' END', 'xyz'] })
    expect(await collect(generation)).toEqual(['once'])
    expect(generation.finishReason).toBe('stop')
    expect(generation.stats.tokens).toBe(3)
    expect(log).toMatchObject({ sequences: 0 })
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
