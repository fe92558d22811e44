import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  loadTokenizer,
  readGgufVocabulary,
  readTokenizerJson,
  SpecialTokenError,
  type Tokenizer,
  UnsupportedTokenizerError,
  writeGgufVocabulary,
  writeLlama2c,
  writeSentencePiece,
  writeTokenizerJson,
} from '../src/index'
import { bytesOf, llama2c, model } from './wire'

const chatMl = {
  config: {
    tokenizer_class: 'LlamaTokenizer',
    bos_token: '<s>',
    eos_token: '<|im_end|>',
    unk_token: '<unk>',
    add_bos_token: false,
    added_tokens_decoder: {
      263: {
        content: '<|im_end|>',
        special: true,
        lstrip: false,
        rstrip: false,
        normalized: false,
        single_word: false,
      },
      264: { content: '<|im_start|>', special: true },
      265: { content: '<think>', special: false },
    },
  },
}
const names = (tokenizer: Tokenizer, ids: Iterable<number>) => Array.from(ids, id => tokenizer.idToPiece(id))

test('tokens of the files next to tokenizer.model are added, and the settings of the files are applied', () => {
  for (const bytes of [model(), llama2c(), writeTokenizerJson(loadTokenizer(model()))]) {
    const tokenizer = loadTokenizer(bytes, chatMl)
    expect(tokenizer.vocabSize).toBe(266)
    expect(tokenizer.eosId).toBe(263)
    expect(tokenizer.endIds).toEqual([263])
    expect([tokenizer.addsBos, tokenizer.addsEos]).toEqual([false, false])
    expect([...tokenizer.specialTokens.keys()]).toContain('<|im_start|>')
    expect([tokenizer.isSpecial(264), tokenizer.isSpecial(265), tokenizer.isSpecial(262)]).toEqual([true, false, false])
    const text = '<|im_start|>ab<think>a<|im_end|>'
    expect(names(tokenizer, tokenizer.encode(text, { special: true }))).toEqual([
      ...['<|im_start|>', '▁', 'ab', '<think>', '▁', 'a', '<|im_end|>'],
    ])
    // Text from elsewhere forges no token.
    expect(tokenizer.encode(text).some(id => tokenizer.isSpecial(id))).toBe(false)
    expect(tokenizer.encode(text)).toContain(265)
    expect(tokenizer.addedTokens).toContain('<think>')
    expect(tokenizer.encode(text, { added: false })).not.toContain(265)
    expect(tokenizer.decode([264, 262, 263])).toBe('b')
    expect(tokenizer.decode([264, 262, 263], { special: true })).toBe('<|im_start|>b<|im_end|>')
  }
})

test('the files may be bytes, and the older ones state the same', () => {
  const json = (value: object) => bytesOf(JSON.stringify(value))
  const addedTokens = json({ '<|im_end|>': 263, '<|im_start|>': 264, '<think>': 265 })
  const specialTokensMap = { eos_token: { content: '<|im_end|>' }, additional_special_tokens: ['<|im_start|>'] }
  const tokenizer = loadTokenizer(model(), { addedTokens, specialTokensMap })
  const other = loadTokenizer(model(), { config: json(chatMl.config) })
  expect(tokenizer.vocabulary.pieces).toEqual(other.vocabulary.pieces)
  expect(tokenizer.vocabulary.types).toEqual(other.vocabulary.types)
  expect(tokenizer.eosId).toBe(263)
  expect(tokenizer.addsBos).toBe(true)
})

test('a token beyond a gap leaves ids without a piece', () => {
  const tokenizer = loadTokenizer(model(), { addedTokens: { '<pad>': 266 } })
  expect(tokenizer.vocabSize).toBe(267)
  expect(tokenizer.gaps).toEqual([263, 264, 265])
  expect(tokenizer.decode([263, 262, 265])).toBe('b')
  expect(writeGgufVocabulary(tokenizer).tokens.slice(263)).toEqual(['[PAD263]', '[PAD264]', '[PAD265]', '<pad>'])
  expect(loadTokenizer(writeSentencePiece(tokenizer)).encode('ab')).toEqual(tokenizer.encode('ab'))
})

test('a file that names no BOS has none, and asking for it is an error', () => {
  const tokenizer = loadTokenizer(model(), { config: { bos_token: null } })
  expect(tokenizer.bosId).toBeUndefined()
  expect(tokenizer.addsBos).toBe(false)
  expect(() => tokenizer.encode('a', { bos: true })).toThrow(SpecialTokenError)
  expect(loadTokenizer(writeSentencePiece(tokenizer)).bosId).toBeUndefined()
})

test('added tokens survive in every format that can say them', () => {
  const tokenizer = loadTokenizer(model(), chatMl)
  const text = '<|im_start|>ab<think>a<|im_end|>'
  const expected = tokenizer.encode(text, { special: true })
  const json = readTokenizerJson(writeTokenizerJson(tokenizer))
  expect(json.encode(text, { special: true })).toEqual(expected)
  expect([json.addsBos, json.addsEos]).toEqual([false, false])
  const gguf = readGgufVocabulary(writeGgufVocabulary(tokenizer))
  expect([gguf.eosId, gguf.addsBos, gguf.isSpecial(264), gguf.isSpecial(265)]).toEqual([263, false, true, false])
  expect(gguf.encode('<|im_start|>ab', { special: true })).toEqual(
    tokenizer.encode('<|im_start|>ab', { special: true }),
  )
  expect(() => writeLlama2c(tokenizer)).toThrow(UnsupportedTokenizerError)
  const stripping = loadTokenizer(model(), {
    config: { added_tokens_decoder: { 263: { content: '<|end|>', special: true, rstrip: true } } },
  })
  expect(() => writeGgufVocabulary(stripping)).toThrow('takes spaces with it')
})

test('GGUF states BOS, EOS and the ends of messages', () => {
  const plain = writeGgufVocabulary(loadTokenizer(model(), chatMl))
  const tokenizer = readGgufVocabulary({ ...plain, addBos: false, addEos: true, eosId: 2, eotId: 263, eomId: 264 })
  expect([tokenizer.addsBos, tokenizer.addsEos]).toEqual([false, true])
  expect(tokenizer.endIds).toEqual([2, 263, 264])
  expect(readGgufVocabulary({ ...plain, addBos: undefined }).addsBos).toBe(true)
  // Some files call their tags user-defined: they stay ones that no text becomes unless it is asked for.
  const types = plain.types?.map((type, id) => (id === 263 ? 4 : type))
  expect(readGgufVocabulary({ ...plain, types, eotId: 263 }).encode('<|im_end|>')).not.toContain(263)
})

// The small byte-level vocabularies of tooling/referee/tokenizer/small_json.py.
const fixture = JSON.parse(readFileSync(new URL('./small-json.fixture.json', import.meta.url), 'utf8')) as {
  texts: string[]
  cases: { name: string; file: object }[]
}
const small = (name: string) =>
  readTokenizerJson(bytesOf(JSON.stringify(fixture.cases.find(each => each.name === name)?.file)))

test.each([
  ['byte level', 'gpt-2'],
  ['SmolLM', 'smollm'],
  ['ignore_merges', 'llama-bpe'],
  ['merges that do not reach', 'dbrx'],
])('a byte-level vocabulary is the same as GGUF: %s is %s', (name, pre) => {
  const tokenizer = small(name)
  const gguf = writeGgufVocabulary(tokenizer)
  expect([gguf.model, gguf.pre]).toEqual(['gpt2', pre])
  const read = readGgufVocabulary(gguf)
  for (const text of fixture.texts) {
    expect(read.encode(text)).toEqual(tokenizer.encode(text))
    expect(read.decode(read.encode(text))).toBe(text)
  }
  // llama.cpp puts BOS before a text with this pattern alone, unless the file says otherwise.
  expect(readGgufVocabulary({ ...gguf, bosId: tokenizer.pieceToId('<s>'), addBos: undefined }).addsBos).toBe(
    pre === 'llama-bpe',
  )
  for (const write of [writeSentencePiece, writeLlama2c])
    expect(() => write(tokenizer)).toThrow('pieces are made of bytes')
})

test('a byte-level vocabulary whose text is normalised is not written as GGUF', () => {
  for (const name of ['byte level, NFC', 'byte level, prefix and added tokens'])
    expect(() => writeGgufVocabulary(small(name)), name).toThrow(UnsupportedTokenizerError)
})
