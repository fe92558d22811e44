import { expect, test } from 'vitest'
import { smallVocabulary } from '../test/reference'
import {
  ExplanationError,
  PieceType,
  SpecialTokenError,
  TokenIdError,
  Tokenizer,
  TokenizerFormatError,
  UnsupportedTokenizerError,
} from './index'

const normal: [string, number][] = [
  ['▁a', -1],
  ['llam', -2],
  ['llama', -3],
  ['▁', -10],
  ['a', -11],
  ['l', -12],
  ['m', -13],
  ['la', -4],
  ['lam', -5],
]
const vocabulary = smallVocabulary(normal, { extra: [['<pad>', PieceType.control]], padId: 268 })
const tokenizer = new Tokenizer(vocabulary)
const names = (ids: Iterable<number>) => Array.from(ids, id => tokenizer.idToPiece(id))

test('BOS and EOS only where asked for', () => {
  expect(names(tokenizer.encode('a llama'))).toEqual(['▁a', '▁', 'llama'])
  expect(names(tokenizer.encode('a', { bos: true, eos: true }))).toEqual(['<s>', '▁a', '</s>'])
  expect(names(tokenizer.encode('', { bos: true }))).toEqual(['<s>'])
  expect(tokenizer.encode('')).toHaveLength(0)
})

test('special tokens are text unless they are allowed', () => {
  expect(names(tokenizer.encode('<s>'))).not.toContain('<s>')
  const text = 'a</s>a<pad>'
  expect(names(tokenizer.encode(text, { special: true }))).toEqual(['▁a', '</s>', '▁a', '<pad>'])
  expect(names(tokenizer.encode('</s>a<pad>', { special: ['</s>'] }))).toEqual([
    '</s>',
    '▁a',
    ...['<0x3C>', '<0x70>', 'a', '<0x64>', '<0x3E>'],
  ])
  expect(tokenizer.encode(text, { special: [] })).toEqual(tokenizer.encode(text))
  expect(() => tokenizer.encode(text, { special: ['<mask>'] })).toThrow(SpecialTokenError)
  expect(() => tokenizer.encode(text, { special: ['a'] })).toThrow('"a" is not a special token')
})

test('batches and counts are those of encode', () => {
  const texts = ['a', '', 'llama llama', '🦙']
  expect(tokenizer.encodeBatch(texts, { bos: true })).toEqual(texts.map(text => tokenizer.encode(text, { bos: true })))
  for (const text of texts)
    expect(tokenizer.countTokens(text, { eos: true })).toBe(tokenizer.encode(text, { eos: true }).length)
})

test('offsets say what each token stands for', () => {
  const text = 'a 🦙</s>la'
  const { ids, offsets } = tokenizer.encodeWithOffsets(text, { bos: true, eos: true, special: true })
  expect(ids).toEqual(tokenizer.encode(text, { bos: true, eos: true, special: true }))
  const surfaces = Array.from(ids, (id, i) => [tokenizer.idToPiece(id), text.slice(offsets[2 * i], offsets[2 * i + 1])])
  expect(surfaces).toEqual([
    ['<s>', ''],
    ['▁a', 'a'],
    ['▁', ' '],
    ['<0xF0>', ''],
    ['<0x9F>', ''],
    ['<0xA6>', ''],
    ['<0x99>', '🦙'],
    ['</s>', '</s>'],
    ['▁', ''],
    ['la', 'la'],
    ['</s>', ''],
  ])
  expect([...offsets.slice(-2)]).toEqual([text.length, text.length])
})

test('a surrogate without its other half is U+FFFD', () => {
  for (const text of ['\ud83e', 'a\udd99', '\udd99\ud83e', 'a\ud83ea'])
    expect(tokenizer.encode(text)).toEqual(tokenizer.encode(text.replace(/[\ud800-\udfff]/g, '\ufffd')))
})

test('without byte fallback a run of unknown characters is one unk', () => {
  const plain = new Tokenizer(smallVocabulary(normal, { byteFallback: false }))
  const { ids, offsets } = plain.encodeWithOffsets('a xyza')
  expect(Array.from(ids, id => plain.idToPiece(id))).toEqual(['▁a', '▁', '<unk>', 'a'])
  expect([...offsets]).toEqual([0, 1, 1, 2, 2, 5, 5, 6])
  expect(plain.decode(ids)).toBe('a  \u2047 a')
})

test('ids that the vocabulary does not have are refused', () => {
  for (const id of [-1, 269, 1.5, Number.NaN, 2 ** 32]) {
    expect(() => tokenizer.decode([id]), String(id)).toThrow(TokenIdError)
    expect(() => tokenizer.idToPiece(id), String(id)).toThrow('expected an integer from 0 to 268')
  }
  expect(tokenizer.pieceToId('nowhere')).toBeUndefined()
  expect(tokenizer.pieceToId('llama')).toBe(261)
})

test('vocabularies that contradict themselves are refused, with their name', () => {
  const make = (changes: object) => () => new Tokenizer({ ...vocabulary, ...changes }, { name: 'that.model' })
  expect(make({ scores: new Float32Array(3) })).toThrow(TokenizerFormatError)
  expect(make({ unkId: 1 })).toThrow('that.model')
  expect(make({ padId: 1000 })).toThrow('padding id 1000')
  expect(make({ bosId: 260 })).toThrow(UnsupportedTokenizerError)
})

test('a text of at most 1000 code units is explained', () => {
  expect(tokenizer.explain('a'.repeat(1000))).not.toEqual([])
  expect(() => tokenizer.explain('a'.repeat(1001))).toThrow(ExplanationError)
})

test('each merge of an explanation is told, with its rank', () => {
  const [{ merges }] = tokenizer.explain('llama').filter(({ merges }) => merges.length > 0)
  // The rank is the place of the score, from the highest down. The highest is 0, of the special pieces.
  expect(merges.map(({ merged, rank }) => [merged, rank])).toEqual([
    ['la', 4],
    ['lam', 5],
    ['llam', 2],
    ['llama', 3],
  ])
})

test('a text may end with an ordinary piece', () => {
  const tokenizer = new Tokenizer({ ...vocabulary, eosId: 260 })
  expect(tokenizer.endIds).toContain(260)
  expect(tokenizer.decode(tokenizer.encode('llama', { bos: false }))).toBe('llama')
})
