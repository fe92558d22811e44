import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChatMessage, type GenerateOptions, loadModel, type Model } from 'cria'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cria } from './cria'

// Tiny models as transformers 5 saves them, and the GGUF files that llama.cpp makes of them. What they compute is from
// transformers: see tooling/referee/models/saved.py.

interface Answer {
  readonly prompt: string
  readonly promptTokens: number
  /** At most 12. */
  readonly ids: readonly number[]
  /** Whether an end token follows. */
  readonly ends: boolean
}

interface Expected {
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[]
  readonly messages: readonly ChatMessage[]
  readonly ids: readonly number[]
  /** Those of `ids` whose logits are kept. */
  readonly positions: readonly number[]
  /** [position, V] as the bytes of f32. */
  readonly logits: string
  /** Ids of this and above are padding. */
  readonly tokens: number
  readonly generated: Answer
  readonly answered: Answer
}

const saved = (name: string) => fileURLToPath(new URL(`fixtures/saved/${name}`, import.meta.url))
const expectedOf = (name: string): Expected => JSON.parse(readFileSync(saved(`${name}.json`), 'utf8'))
const floats = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

let converted: string
beforeAll(async () => {
  converted = await mkdtemp(join(tmpdir(), 'cria-saved-'))
})
afterAll(() => rm(converted, { recursive: true }))

const convert = async (from: string, name: string): Promise<string> => {
  const to = join(converted, name)
  expect(await cria(['convert', from, to])).toMatchObject({ code: 0 })
  return to
}

/** The forms that hold all that the folder says. */
const forms: Record<string, (name: string) => Promise<string>> = {
  'as transformers saved it': async name => saved(name),
  'in our GGUF file': name => convert(saved(name), `${name}.gguf`),
  'in our folder, by way of our GGUF file': async name =>
    convert(await convert(saved(name), `${name}-there.gguf`), `${name}-back`),
  "in llama.cpp's GGUF file": async name => saved(`${name}.gguf`),
  "in our folder, made of llama.cpp's GGUF file": name => convert(saved(`${name}.gguf`), `${name}-folder`),
}

/**
 * llama.cpp's converter reads a tokenizer.model. It has no tokens that were added beside it, and means SentencePiece, which puts
 * a space before a text that begins with one, as transformers 5 does not.
 */
const isOfTokenizerModel = (name: string, form: string) => name === 'sentencepiece' && form.includes('llama.cpp')

describe.each(['byte-level', 'sentencepiece'])('a model of transformers 5, of the kind %s,', name => {
  const expected = expectedOf(name)

  describe.each(Object.keys(forms))('%s', form => {
    const isWhole = !isOfTokenizerModel(name, form)
    let model: Model
    beforeAll(async () => {
      model = await loadModel(await forms[form](name), { device: 'cpu', weights: 'f32', cache: 'f32' })
    }, 60_000)
    afterAll(() => model?.dispose())

    test('has the logits of transformers to 1e-4', async () => {
      const { ids, positions, logits } = expected
      const found: number[] = []
      for (const position of positions) {
        using last = model.forward(ids.slice(0, position + 1))
        found.push(...(await last.read()))
      }
      const wanted = floats(logits)
      expect(found).toHaveLength(wanted.length)
      expect(Math.max(...found.map((logit, i) => Math.abs(logit - wanted[i])))).toBeLessThan(1e-4)
    })

    test('has its ids of texts', () => {
      const { tokenizer } = model
      const texts = expected.texts.filter(({ text }) => isWhole || !/^ |</.test(text))
      for (const { text, ids } of texts)
        expect([...tokenizer.encode(text, { bos: tokenizer.addsBos, special: true })], text).toEqual(ids)
      expect(texts.length).toBeGreaterThan(2)
    })

    test('continues a text and answers a chat like transformers', async () => {
      const follow = async (
        start: (options: GenerateOptions) => ReturnType<Model['generate']>,
        { ids, ends, promptTokens }: Answer,
      ) => {
        const found: number[] = []
        const options = { temperature: 0, maxTokens: 12, onToken: ({ id }: { id: number }) => found.push(id) }
        const generation = start(options)
        await generation.all
        expect(found).toEqual(ids)
        expect(await generation.finishReason).toBe(ends ? 'stop' : 'length')
        expect(generation.stats.promptTokens).toBe(promptTokens)
      }
      await follow(options => model.generate(expected.generated.prompt, options), expected.generated)
      if (isWhole) await follow(options => model.chat(expected.messages, options), expected.answered)
    })

    test('never draws a token that only pads the embedding', async () => {
      const found: number[] = []
      const options = {
        temperature: 100,
        topP: 1,
        seed: 1,
        stopIds: [],
        onToken: ({ id }: { id: number }) => found.push(id),
      }
      await model.generate('A', { ...options, maxTokens: 110 }).all
      expect(found).toHaveLength(110)
      expect(Math.max(...found)).toBeLessThan(expected.tokens)
    })

    test('has the end tokens and the sampling that the folder states', () => {
      const { stopIds, temperature, topP } = model.defaults
      const ends = ['</s>', '<|end_of_text|>', '<|im_end|>'].flatMap(piece => model.tokenizer.pieceToId(piece) ?? [])
      expect(ends).toHaveLength(isWhole ? 2 : 1)
      // BOS would begin another text.
      expect(new Set(stopIds)).toEqual(new Set([...ends, model.tokenizer.bosId]))
      expect([temperature, topP]).toEqual([Math.fround(0.7), Math.fround(0.85)].map(value => expect.closeTo(value, 6)))
    })
  })
})
