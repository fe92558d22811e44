import { expect, test } from 'vitest'
import { readSentencePiece } from '../src/index'
import { bytePieces, bytesOf, delimited, integer, model, piece, reserved, words } from './wire'

const namesOf = (file: Uint8Array, text: string) => {
  const tokenizer = readSentencePiece(file)
  return Array.from(tokenizer.encode(text), id => tokenizer.idToPiece(id))
}

test('a denormaliser without rules, as LLaMA has it, changes nothing', () => {
  const empty = model({ rest: delimited(5, bytesOf()) })
  const flags = model({ rest: delimited(5, bytesOf(integer(3, 0), integer(4, 0), integer(5, 1))) })
  for (const file of [empty, flags]) expect(namesOf(file, 'ab a')).toEqual(['▁', 'ab', '▁', 'a'])
})

test('spaces that are not escaped are spaces: bytes, where no piece has one', () => {
  const normalizer = bytesOf(integer(3, 1), integer(4, 0), integer(5, 0))
  expect(namesOf(model({ normalizer }), 'a b')).toEqual(['<0x20>', 'a', '<0x20>', 'b'])
})

test('a piece may be of 512 characters', () => {
  const longest = 'a'.repeat(512)
  const pieces = [...reserved, ...bytePieces, ...words, piece('a'.repeat(256), -5), piece(longest, -6)]
  expect(readSentencePiece(model({ pieces })).pieceToId(longest)).toBe(264)
  const longer = [...pieces, piece(`${longest}a`, -7)]
  expect(() => readSentencePiece(model({ pieces: longer }))).toThrow(
    'piece 265 is 513 characters long, at most 512 are supported',
  )
})
