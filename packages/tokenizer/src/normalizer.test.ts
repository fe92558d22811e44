import { expect, test } from 'vitest'
import { dataBytes, hasData } from '../test/data'
import { CharsMap } from './charsmap'
import { TokenizerFormatError, UnsupportedTokenizerError } from './errors'
import { readMessage } from './formats/protobuf'
import { Literals } from './literals'
import { Normalizer } from './normalizer'
import { llamaNormalizer, type NormalizerFlags } from './vocabulary'

const identity = llamaNormalizer.charsMap

/** Normalised text with spaces as `▁`, and where each of its code units and its end come from. */
const run = (flags: Partial<NormalizerFlags>, text: string, rules?: CharsMap, userDefined: string[] = []) => {
  const normalized = new Normalizer(
    { ...llamaNormalizer, charsMap: identity, ...flags },
    rules,
    new Literals(userDefined),
  ).normalize(text)
  const origins = Array.from({ length: normalized.text.length + 1 }, (_, at) => normalized.originOf(at))
  return [normalized.text.replaceAll(' ', '▁'), origins]
}

test("LLaMA's flags put a space first and change nothing else", () => {
  expect(run({}, '')).toEqual(['', [0]])
  expect(run({}, ' a  b ')).toEqual(['▁▁a▁▁b▁', [0, 0, 1, 2, 3, 4, 5, 6]])
  expect(run({ addDummyPrefix: false }, ' a')).toEqual(['▁a', [0, 1, 2]])
  expect(run({ whitespaceAsSuffix: true }, 'a b')).toEqual(['a▁b▁', [0, 1, 2, 3, 3]])
})

// What SentencePiece gives for these.
test('extra spaces go where the flags say so', () => {
  const flags = { removeExtraWhitespaces: true }
  expect(run(flags, '   ')).toEqual(['', [3]])
  expect(run(flags, '  a  b ')).toEqual(['▁a▁b', [2, 2, 3, 5, 6]])
  expect(run(flags, 'a▁▁ ')).toEqual(['▁a', [0, 0, 1]])
  expect(run(flags, '\ta')).toEqual(['▁\ta', [0, 0, 1, 2]])
  expect(run({ ...flags, whitespaceAsSuffix: true }, ' a  b ')).toEqual(['a▁b▁', [1, 2, 4, 5, 5]])
  expect(run({ ...flags, addDummyPrefix: false }, ' 🦙 ')).toEqual(['🦙', [1, 1, 3]])
})

/**
 * A charsmap with these rules, one byte (of Latin text) to some text each: a trie whose root has its children at their
 * own byte, and each child its leaf 256 units further on.
 */
function charsMap(rules: Readonly<Record<string, string>>): Uint8Array {
  const trie = new Uint32Array(1024)
  trie[0] = 256 << 10
  let block = ''
  for (const [from, to] of Object.entries(rules)) {
    const byte = from.charCodeAt(0)
    const node = 256 ^ byte
    trie[node] = byte | (1 << 8) | (512 << 10)
    trie[node ^ 512] = new TextEncoder().encode(block).length
    block += `${to}\0`
  }
  const head = Uint32Array.of(trie.byteLength)
  return Uint8Array.from([
    ...new Uint8Array(head.buffer),
    ...new Uint8Array(trie.buffer),
    ...new TextEncoder().encode(block),
  ])
}

test('replacement rules apply to what they match, and leave user-defined pieces alone', () => {
  const rules = new CharsMap('rules', charsMap({ A: 'a', '&': ' and ', x: '', '\t': ' ' }))
  expect(run({ addDummyPrefix: false }, 'BA&xA', rules)).toEqual(['Ba▁and▁a', [0, 1, 2, 2, 2, 2, 2, 4, 5]])
  expect(run({ removeExtraWhitespaces: true }, '\tA\t\tA&', rules)).toEqual(['▁a▁a▁and', [1, 1, 2, 4, 5, 5, 5, 5, 5]])
  expect(run({ addDummyPrefix: false }, 'AAA', rules, ['AA'])).toEqual(['AAa', [0, 0, 2, 3]])
})

test('rules with endless input or output are refused', () => {
  const bytes = charsMap({ A: 'a' })
  // The node of A points back to the root, so the trie has a cycle.
  const node = 4 + 4 * (256 ^ 0x41)
  new DataView(bytes.buffer).setUint32(node, 0x41 | (0x41 << 10), true)
  const rules = new CharsMap('rules', bytes)
  expect(rules.match('A'.repeat(200), 0, 200)).toBeUndefined()
  expect(() => rules.match('A'.repeat(300), 0, 300)).toThrow(UnsupportedTokenizerError)
  expect(() => new CharsMap('rules', charsMap({ A: 'a'.repeat(1025) }))).toThrow('a replacement of 1025 bytes')
  expect(run({}, 'A', new CharsMap('rules', charsMap({ A: 'a'.repeat(1024) })))[0]).toBe(`▁${'a'.repeat(1024)}`)
})

test('charsmaps of wrong sizes are refused', () => {
  const good = charsMap({ A: 'a' })
  const size = (bytes: number) =>
    Uint8Array.from([...new Uint8Array(Uint32Array.of(bytes).buffer), ...good.subarray(4)])
  const cases = {
    'a size alone': good.subarray(0, 4),
    'a trie of no size': size(0),
    'a trie of part of a unit': size(4094),
    'a trie of 4 GB': size(0xfffffffc),
    'a replacement without its end': good.subarray(0, -1),
  }
  for (const [name, bytes] of Object.entries(cases))
    expect(() => new CharsMap('rules', bytes), name).toThrow(TokenizerFormatError)
})

test('a trie that leads nowhere matches nothing and ends', () => {
  for (let seed = 1; seed < 200; seed++) {
    const trie = Uint32Array.from({ length: 512 }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> (seed % 7))
    const head = Uint32Array.of(trie.byteLength)
    const bytes = Uint8Array.from([...new Uint8Array(head.buffer), ...new Uint8Array(trie.buffer), 0])
    const rules = new CharsMap('rules', bytes)
    for (let at = 0; at < 200; at++) rules.match(String.fromCharCode(at, at * 7, at * 300), 0, 3)
  }
})

const unigram = 'sentencepiece/test_model.model'

test.skipIf(!hasData(unigram))("SentencePiece's compiled rules are NFKC where Unicode says so", () => {
  let rules: CharsMap | undefined
  for (const field of readMessage(unigram, 'model', dataBytes(unigram))) {
    if (field.number !== 3) continue
    for (const inner of readMessage(unigram, 'normalizer_spec', field.bytes()))
      if (inner.number === 2) rules = new CharsMap(unigram, inner.bytes())
  }
  const ranges = [
    [0xff01, 0xff5d],
    [0xff61, 0xff9f],
    [0xfb00, 0xfb06],
    [0x2460, 0x24ff],
    [0x3300, 0x33ff],
    [0xf900, 0xf9ff],
  ]
  let matched = 0
  for (const [from, to] of ranges)
    for (let codePoint = from; codePoint <= to; codePoint++) {
      const char = String.fromCodePoint(codePoint)
      const found = rules?.match(char, 0, char.length)
      expect(found?.replacement ?? char, codePoint.toString(16)).toBe(char.normalize('NFKC'))
      if (found) matched++
    }
  expect(matched).toBeGreaterThan(800)
})
