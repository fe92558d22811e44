import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { referenceEncode, smallVocabulary } from '../test/reference'
import { PieceType, Tokenizer } from './index'
import { MergeTable } from './merge-table'
import { Merging } from './merging'

const alphabet = fc.constantFrom('a', 'b', 'c', '▁', 'é', '漢', '😀')
const piece = fc.string({ unit: alphabet, minLength: 1, maxLength: 6 })
// Few scores, so that many are equal.
const pieces = fc.uniqueArray(fc.tuple(piece, fc.integer({ min: -6, max: 0 })), {
  selector: ([text]) => text,
  minLength: 1,
  maxLength: 40,
})
const text = fc.string({ unit: fc.oneof({ weight: 8, arbitrary: alphabet }, fc.constantFrom('x', '\n', '🦙')) })
const longText = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '▁'), minLength: 300, maxLength: 1500 })

/** With a dummy prefix, and spaces as `▁`. */
const normalised = (original: string) => (original === '' ? '' : `▁${original.replaceAll(' ', '▁')}`)

test('any vocabulary encodes any text as the definition does', () => {
  fc.assert(
    fc.property(pieces, fc.array(text, { maxLength: 8 }), fc.boolean(), (normal, texts, byteFallback) => {
      const vocabulary = smallVocabulary(normal, { byteFallback })
      const tokenizer = new Tokenizer(vocabulary)
      for (const original of texts)
        expect([...tokenizer.encode(original)]).toEqual(referenceEncode(vocabulary, normalised(original)))
    }),
    { numRuns: 300 },
  )
})

test('long text without a place to cut encodes by windows as it does whole', () => {
  fc.assert(
    fc.property(pieces, longText, (normal, original) => {
      const vocabulary = smallVocabulary(normal)
      const tokenizer = new Tokenizer(vocabulary)
      expect([...tokenizer.encode(original)]).toEqual(referenceEncode(vocabulary, normalised(original)))
    }),
    { numRuns: 100 },
  )
})

test('windows that do not agree are replaced by longer ones', () => {
  // A piece that grows to the left from the end of the text, further than windows overlap.
  const growing = Array.from({ length: 300 }, (_, i): [string, number] => [`${'a'.repeat(i + 1)}z`, -i])
  const vocabulary = smallVocabulary([...growing, ['aa', -1000], ['a', -2000], ['z', -2000]])
  const tokenizer = new Tokenizer(vocabulary)
  for (const length of [100, 400, 1000, 1001]) {
    const original = `${'a'.repeat(length)}z`
    expect([...tokenizer.encode(original)]).toEqual(referenceEncode(vocabulary, normalised(original)))
  }
})

test('removed tokens do not change a run of unknown characters', () => {
  // ſ is unknown, and of the same class as ā: the cut before it is after é, and it is in the long segment.
  const growing = Array.from({ length: 300 }, (_, i): [string, number] => [`${'ā'.repeat(i + 1)}z`, -i])
  const normal: [string, number][] = [...growing, ['āā', -1000], ['ā', -2000], ['z', -2000], ['▁', -2000]]
  const vocabulary = smallVocabulary(normal, { byteFallback: false })
  const tokenizer = new Tokenizer(vocabulary)
  const original = `éſ${'ā'.repeat(401)}z`
  const { ids, offsets } = tokenizer.encodeWithOffsets(original)
  expect([...ids]).toEqual(referenceEncode(vocabulary, normalised(original)))
  expect([...offsets.slice(0, 6)]).toEqual([0, 0, 0, 2, 2, 4])
})

test('an unused piece falls back into the parts that it was made of', () => {
  const normal: [string, number][] = [
    ['a', -9],
    ['b', -9],
    ['c', -9],
    ['ab', -1],
    ['abc', -2],
    ['▁', -9],
  ]
  const vocabulary = smallVocabulary(normal, { extra: [['abcabc', PieceType.unused]] })
  const types = vocabulary.types.slice()
  types[vocabulary.pieces.indexOf('abc')] = PieceType.unused
  const tokenizer = new Tokenizer({ ...vocabulary, types })
  const names = (encoded: string) => Array.from(tokenizer.encode(encoded), id => tokenizer.idToPiece(id))
  expect(names('abcabc')).toEqual(['▁', 'ab', 'c', 'ab', 'c'])
  expect(names('ab')).toEqual(['▁', 'ab'])
})

test('user-defined pieces are taken first, the longest at each place, and merge with nothing', () => {
  const normal: [string, number][] = [
    ['▁', -9],
    ['a', -9],
    ['b', -9],
    ['▁a', -1],
    ['ab', -2],
  ]
  const extra = [
    ['aa', PieceType.userDefined],
    ['aab', PieceType.userDefined],
    ['b▁b', PieceType.userDefined],
    ['(.)', PieceType.userDefined],
  ] as const
  const tokenizer = new Tokenizer(smallVocabulary(normal, { extra }))
  const names = (encoded: string) => Array.from(tokenizer.encode(encoded), id => tokenizer.idToPiece(id))
  expect(names('aaba')).toEqual(['▁', 'aab', 'a'])
  expect(names('aaa')).toEqual(['▁', 'aa', 'a'])
  expect(names('ab b')).toEqual(['▁a', 'b▁b'])
  expect(names('a(.)ab')).toEqual(['▁a', '(.)', 'ab'])
  expect(tokenizer.decode(tokenizer.encode('ab b (.)'))).toBe('ab b (.)')
})

test('a file with very many user-defined pieces needs memory and time proportional to its size', () => {
  const extra = Array.from({ length: 200_000 }, (_, i) => [`${i}:`.padEnd(80, 'x'), PieceType.userDefined] as const)
  const before = process.resourceUsage().maxRSS
  const tokenizer = new Tokenizer(smallVocabulary([['a', -1]], { extra }))
  const names = Array.from(tokenizer.encode(`a${extra[777][0]}a`), id => tokenizer.idToPiece(id))
  expect(names).toEqual([...['<0xE2>', '<0x96>', '<0x81>'], 'a', extra[777][0], 'a'])
  // In KiB; the pieces have 16 MB.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(400 * 1024)
})

/** Counts places and pair lookups while a text is encoded. The time is proportional to them, except for the heap's logarithm. */
function steps(tokenizer: Tokenizer, text: string): number {
  let count = 0
  const run = vi.spyOn(Merging.prototype, 'run').mockImplementation(function (this: Merging, ...args) {
    count += args[2] - args[1]
    unchanged.run.apply(this, args)
  })
  const find = vi.spyOn(MergeTable.prototype, 'find').mockImplementation(function (this: MergeTable, ...args) {
    count++
    return unchanged.find.apply(this, args)
  })
  tokenizer.countTokens(text)
  for (const spy of [run, find]) spy.mockRestore()
  return count
}
const unchanged = { run: Merging.prototype.run, find: MergeTable.prototype.find }

test('work is linear in the length of any text', () => {
  const normal = ['a', 'aa', 'aaaa', 'ab', 'ba', 'abab', 'b', '▁'].map((text, i): [string, number] => [text, -i])
  const growing = Array.from({ length: 300 }, (_, i): [string, number] => [`${'a'.repeat(i + 1)}z`, -i])
  const vocabularies = [
    smallVocabulary(normal),
    // Here windows do not agree.
    smallVocabulary([...growing, ['aa', -1000], ['a', -2000], ['z', -2000]]),
    // Here there are no windows.
    smallVocabulary(normal, { extra: [['ll', PieceType.unused]] }),
  ]
  for (const vocabulary of vocabularies) {
    const tokenizer = new Tokenizer(vocabulary)
    for (const unit of ['a', 'ab', 'aab', '漢', 'a b ', `${'a'.repeat(400)}z`, `${'a'.repeat(299)}z`]) {
      const text = unit.repeat(10_000 / unit.length)
      const once = steps(tokenizer, text)
      expect(once, unit).toBeLessThan(40 * text.length)
      expect(steps(tokenizer, text.repeat(8)), unit).toBeLessThan(8.5 * once + 1000)
    }
  }
})
