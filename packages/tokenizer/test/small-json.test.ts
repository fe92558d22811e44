import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readTokenizerJson, writeTokenizerJson } from '../src/index'

interface Case {
  readonly name: string
  readonly file: object
  /** The ids of each text, with special tokens as text, and recognised. */
  readonly plain: readonly number[][]
  readonly special: readonly number[][]
  /** The ids of "the" with what the post-processor puts around it. */
  readonly around: readonly number[]
  /** The text of the ids in `special`, with special tokens shown, and without. */
  readonly decoded: readonly string[]
  readonly skipped: readonly string[]
}

// Written by Hugging Face's tokenizers: tooling/referee/tokenizer/small_json.py.
const fixture = new URL('./small-json.fixture.json', import.meta.url)
const { texts, cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { texts: string[]; cases: Case[] }

const open = (file: object) => readTokenizerJson(new TextEncoder().encode(JSON.stringify(file)))

test.each(cases)("Hugging Face's ids of a small tokenizer.json: $name", ({ file, plain, special, around }) => {
  const tokenizer = open(file)
  const isStated = (file as { post_processor: unknown }).post_processor !== null
  for (const reread of [tokenizer, readTokenizerJson(writeTokenizerJson(tokenizer))]) {
    for (const [i, text] of texts.entries()) {
      expect([...reread.encode(text)], JSON.stringify(text)).toEqual(plain[i])
      expect([...reread.encode(text, { special: true })], JSON.stringify(text)).toEqual(special[i])
    }
    const { addsBos, addsEos } = reread
    if (isStated) expect([...reread.encode('the', { bos: addsBos, eos: addsEos })]).toEqual(around)
  }
})

// A unk decodes to U+2047 here, as SentencePiece has it, and to its name there.
const decodable = cases.filter(({ name }) => !name.includes('unk'))

test.each(decodable)("Hugging Face's text of ids: $name", ({ file, special, decoded, skipped }) => {
  const tokenizer = open(file)
  const isByteLevel = (file as { decoder: { type: string } }).decoder.type === 'ByteLevel'
  for (const [i, ids] of special.entries()) {
    if (ids.some(id => tokenizer.idToPiece(id) === '<unk>')) continue
    // Of the spaces at the start, a shown special token before them makes Hugging Face keep one more.
    if (isByteLevel || !tokenizer.isSpecial(ids[0])) {
      expect(tokenizer.decode(ids, { special: true })).toBe(decoded[i])
      expect(tokenizer.decode(ids)).toBe(skipped[i])
    }
    const decoder = tokenizer.decoder({ special: true })
    expect(ids.map(id => decoder.push(id)).join('') + decoder.end()).toBe(tokenizer.decode(ids, { special: true }))
  }
})

test('offsets cover the text, with any normaliser', () => {
  for (const { name, file } of cases) {
    const tokenizer = open(file)
    for (const text of texts) {
      const { ids, offsets } = tokenizer.encodeWithOffsets(text, { special: true })
      expect(ids).toEqual(tokenizer.encode(text, { special: true }))
      let end = 0
      for (let i = 0; i < ids.length; i++) {
        const message = `${name} ${JSON.stringify(text)} ${i}`
        // Characters without a piece and without an unk vanish between two tokens.
        if (!name.includes('no unk')) expect(offsets[2 * i], message).toBe(end)
        expect(offsets[2 * i + 1], message).toBeGreaterThanOrEqual(offsets[2 * i])
        end = offsets[2 * i + 1]
      }
      if (ids.length > 0 && !name.includes('no unk')) expect(end, `${name} ${JSON.stringify(text)}`).toBe(text.length)
    }
  }
})

test('ids without a piece are listed, and decode to nothing', () => {
  const tokenizer = open((cases.find(({ name }) => name === 'gaps') as Case).file)
  expect(tokenizer.gaps).toEqual([270, 271, 272, 273, 274])
  expect(tokenizer.decode([270, ...tokenizer.encode('the'), 274], { special: true })).toBe('the')
  expect(tokenizer.idToPiece(270)).toBe('')
  expect(tokenizer.pieceToId('')).toBeUndefined()
})

test('an explanation ends where encoding does', () => {
  for (const { file } of cases) {
    const tokenizer = open(file)
    for (const text of ['the llama sleeps', 'café 12', '']) {
      const last = tokenizer.explain(text).flatMap(({ pieces }) => pieces.at(-1) ?? [])
      const ids = Array.from(tokenizer.encode(text, { added: false }), id => tokenizer.idToPiece(id))
      if (last.every(piece => tokenizer.pieceToId(piece) !== undefined)) expect(last).toEqual(ids)
      for (const { pieces, merges } of tokenizer.explain(text))
        for (const [i, { at, left, right, merged }] of merges.entries()) {
          expect(pieces[i].slice(at, at + 2)).toEqual([left, right])
          expect([...pieces[i].slice(0, at), merged, ...pieces[i].slice(at + 2)]).toEqual(pieces[i + 1])
        }
    }
  }
})
