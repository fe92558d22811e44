import fc from 'fast-check'
import { expect, test } from 'vitest'
import { smallVocabulary } from '../test/reference'
import { TokenIdError, Tokenizer } from './index'

const normal: [string, number][] = [
  ['▁a', -1],
  ['▁', -10],
  ['a', -11],
  ['▁▁', -2],
  ['é', -12],
]
const make = (flags: object = {}) => {
  const vocabulary = smallVocabulary(normal)
  return new Tokenizer({ ...vocabulary, normalizer: { ...vocabulary.normalizer, ...flags } })
}
const tokenizer = make()
const ids = (...pieces: string[]) => pieces.map(piece => tokenizer.pieceToId(piece) as number)
const bytes = (...values: number[]) => values.map(value => value + 3)

test("the dummy prefix's space goes, and only that", () => {
  expect(tokenizer.decode(ids('▁a', '▁a'))).toBe('a a')
  expect(tokenizer.decode(ids('<s>', '▁a', '▁a', '</s>'))).toBe('a a')
  expect(tokenizer.decode(ids('▁', '▁a'))).toBe(' a')
  expect(tokenizer.decode(ids('▁▁', 'a'))).toBe(' a')
  expect(tokenizer.decode(ids('a', '▁a'))).toBe('a a')
  expect(tokenizer.decode([...bytes(0x20), ...ids('▁a')])).toBe('  a')
  expect(tokenizer.decode(ids('<unk>', '▁a'))).toBe(' \u2047  a')
})

test('the flags of the normaliser decide about leading spaces', () => {
  expect(make({ addDummyPrefix: false }).decode(ids('▁a', '▁a'))).toBe(' a a')
  expect(make({ removeExtraWhitespaces: true }).decode(ids('▁', '▁a', '▁a'))).toBe('a a')
})

test('bytes become characters, and each byte that is part of none a U+FFFD', () => {
  const cases: [number[], string][] = [
    [[0x41], 'A'],
    [[0xc3, 0xa9], 'é'],
    [[0xf0, 0x9f, 0xa6, 0x99], '🦙'],
    [[0x80], '\ufffd'],
    [[0xe2, 0x82], '\ufffd\ufffd'],
    [[0xe2, 0x82, 0x41], '\ufffd\ufffdA'],
    [[0xc0, 0xaf], '\ufffd\ufffd'],
    [[0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    [[0xf4, 0x90, 0x80, 0x80], '\ufffd\ufffd\ufffd\ufffd'],
    [[0xff, 0xc3, 0xa9], '\ufffdé'],
  ]
  for (const [sequence, text] of cases) expect(tokenizer.decode(bytes(...sequence)), `${sequence}`).toBe(text)
  // Bytes on both sides of another token do not form a character.
  expect(tokenizer.decode([...bytes(0xc3), ...ids('a'), ...bytes(0xa9)])).toBe('\ufffda\ufffd')
})

test('a streaming decoder holds back text that is not final', () => {
  const decoder = tokenizer.decoder()
  const pushed = [...ids('▁a'), ...bytes(0xf0, 0x9f, 0xa6, 0x99), ...ids('▁'), ...bytes(0xe2)]
  expect(pushed.map(id => decoder.push(id))).toEqual(['a', '', '', '', '🦙', ' ', ''])
  expect(() => decoder.push(9999)).toThrow(TokenIdError)
  expect(decoder.end()).toBe('\ufffd')
  expect(decoder.end()).toBe('')
})

test('a streaming decoder gives, in parts, what decode gives at once', () => {
  const id = fc.oneof(fc.integer({ min: 0, max: tokenizer.vocabSize - 1 }), fc.integer({ min: 0x80 + 3, max: 255 + 3 }))
  fc.assert(
    fc.property(fc.array(id), sequence => {
      const decoder = tokenizer.decoder()
      const parts = sequence.map(each => decoder.push(each))
      expect(parts.join('') + decoder.end()).toBe(tokenizer.decode(sequence))
    }),
  )
})
