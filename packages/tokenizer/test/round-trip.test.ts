import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PieceType, readSentencePiece } from '../src/index'
import { dataBytes, hasData, llama2 } from './data'

const tokenizer = hasData(llama2) ? readSentencePiece(dataBytes(llama2)) : undefined

test.skipIf(!tokenizer)('every code point comes back, alone and among others', () => {
  if (tokenizer === undefined) return
  const lost: string[] = []
  for (let start = 0; start < 0x110000; start += 512) {
    const chars = Array.from({ length: 512 }, (_, i) => start + i)
      .filter(codePoint => (codePoint < 0xd800 || codePoint > 0xdfff) && codePoint !== 0x2581)
      .map(codePoint => String.fromCodePoint(codePoint))
    for (const text of [...chars, chars.join(''), chars.join(' ')])
      if (tokenizer.decode(tokenizer.encode(text)) !== text) lost.push(text)
  }
  expect(lost).toEqual([])
  // A ▁ is a space to the model, and comes back as one.
  expect(tokenizer.decode(tokenizer.encode('a▁b'))).toBe('a b')
})

test.skipIf(!tokenizer)('every id comes back by its piece and, with its text, through encoding', () => {
  if (tokenizer === undefined) return
  const { types } = tokenizer.vocabulary
  const lost: string[] = []
  // Behind a token that ends a line: no dummy prefix is taken from it.
  const line = tokenizer.encode('\n')
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const piece = tokenizer.idToPiece(id)
    const text = tokenizer.decode([...line, id])
    const byte = Number(piece.slice(1, -1))
    const stated: Record<number, string> = {
      [PieceType.unknown]: ' \u2047 ',
      [PieceType.control]: '',
      // A byte above 0x7F is not a character alone.
      [PieceType.byte]: byte < 0x80 ? String.fromCharCode(byte) : '\ufffd',
    }
    const isStated = text === `\n${stated[types[id]] ?? piece.replaceAll('▁', ' ')}`
    if (tokenizer.pieceToId(piece) !== id || !isStated || tokenizer.decode(tokenizer.encode(text)) !== text)
      lost.push(`${id} ${piece}`)
  }
  expect(lost).toEqual([])
})

test.skipIf(!tokenizer)('any text without a ▁ comes back', () => {
  const unit = fc.oneof(
    fc.constantFrom(' ', '\n', 'a', 'the', ' the', '  ', '<s>', '<0x41>', '🦙', 'é', '漢字'),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(fc.array(unit), parts => {
      const text = parts.join('').replaceAll('▁', '')
      expect(tokenizer?.decode(tokenizer.encode(text))).toBe(text)
    }),
    { numRuns: 500 },
  )
})

test.skipIf(!tokenizer)('offsets cover the text, and the text of a token matches its piece', () => {
  if (tokenizer === undefined) return
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const { ids, offsets } = tokenizer.encodeWithOffsets(text)
      let end = 0
      for (let i = 0; i < ids.length; i++) {
        expect(offsets[2 * i]).toBe(end)
        end = offsets[2 * i + 1]
        const surface = text.slice(offsets[2 * i], end)
        if (ids[i] > 258) expect(` ${surface}`.endsWith(tokenizer.idToPiece(ids[i]).replaceAll('▁', ' '))).toBe(true)
      }
      expect(end).toBe(text.length)
    }),
  )
})
