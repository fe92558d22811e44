import { expect, test } from 'vitest'
import {
  loadTokenizer,
  PieceType,
  readGgufVocabulary,
  readTokenizerJson,
  Tokenizer,
  UnsupportedTokenizerError,
  type Vocabulary,
  writeGgufVocabulary,
  writeLlama2c,
  writeSentencePiece,
  writeTokenizerJson,
} from '../src/index'
import { smallVocabulary, transformersMerges } from './reference'

const normal: [string, number][] = [
  ['▁▁', -9],
  ['▁▁▁', -9],
  ['▁▁▁▁', -9],
  ['ab', -1],
  ['▁a', -2],
  ['a', -10],
  ['b', -11],
  ['▁', -12],
]
const vocabulary = smallVocabulary(normal)
const tokenizer = new Tokenizer(vocabulary)
const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes))

const refusals: Record<string, [changed: Tokenizer, by: ('json' | 'bin' | 'gguf')[]]> = {
  'extra spaces removed': [
    new Tokenizer({ ...vocabulary, normalizer: { ...vocabulary.normalizer, removeExtraWhitespaces: true } }),
    ['json', 'bin'],
  ],
  'no dummy prefix': [
    new Tokenizer({ ...vocabulary, normalizer: { ...vocabulary.normalizer, addDummyPrefix: false } }),
    ['bin'],
  ],
  'a text for unk': [new Tokenizer({ ...vocabulary, unkSurface: '?' }), ['json', 'bin']],
  'no byte fallback': [new Tokenizer(smallVocabulary(normal, { byteFallback: false })), ['bin']],
  'a user-defined piece': [new Tokenizer(smallVocabulary(normal, { extra: [['ll', PieceType.userDefined]] })), ['bin']],
  'an unused piece': [new Tokenizer(smallVocabulary(normal, { extra: [['ll', PieceType.unused]] })), ['json', 'bin']],
  'equal scores': [new Tokenizer(smallVocabulary([...normal, ['ba', -1]])), ['json']],
  'a run of spaces with a gap': [new Tokenizer(smallVocabulary(normal.filter(([piece]) => piece !== '▁▁▁'))), ['json']],
  'a character that is not a piece': [new Tokenizer(smallVocabulary([...normal, ['ac', -1.5]])), ['json']],
  'a piece with a space': [new Tokenizer(smallVocabulary([...normal, ['a b', -3]])), ['bin', 'json']],
}

test.each(Object.entries(refusals))('%s is written only where the format can say it', (_, [changed, by]) => {
  const writers = { json: writeTokenizerJson, bin: writeLlama2c, gguf: writeGgufVocabulary }
  for (const [format, write] of Object.entries(writers)) {
    const written = () => write(changed)
    if (by.includes(format as 'json')) expect(written, format).toThrow(UnsupportedTokenizerError)
    else expect(written, format).not.toThrow()
  }
  if (!by.includes('gguf'))
    expect(readGgufVocabulary(writeGgufVocabulary(changed)).vocabulary).toEqual(changed.vocabulary)
  // SentencePiece's own format says all of it.
  const { sentencePiece, ...read } = loadTokenizer(writeSentencePiece(changed)).vocabulary
  expect(read).toEqual(changed.vocabulary)
})

test('a tokenizer.json keeps runs of spaces of equal score, added tokens and the lack of a dummy prefix', () => {
  const extra = [
    ['<X>', PieceType.userDefined],
    ['<pad>', PieceType.control],
  ] as const
  const { normalizer } = vocabulary
  const changed = new Tokenizer(
    smallVocabulary(normal, { extra, padId: 268, normalizer: { ...normalizer, addDummyPrefix: false } }),
  )
  const read = readTokenizerJson(writeTokenizerJson(changed))
  const { scores, ...rest } = changed.vocabulary
  expect(read.vocabulary).toMatchObject(rest)
  for (const text of ['     ab', 'a<X>b', '          ', ' a  a', '<pad>'])
    expect(read.encode(text), text).toEqual(changed.encode(text))
})

test('merges may be pairs, as newer files have them', () => {
  const file = json(writeTokenizerJson(tokenizer))
  file.model.merges = file.model.merges.map((merge: string) => merge.split(' '))
  const read = readTokenizerJson(new TextEncoder().encode(JSON.stringify(file)))
  expect(read.encode('ab   ab')).toEqual(tokenizer.encode('ab   ab'))
})

test('a .model that is changed after it was read is written with the changes, and keeps the rest', () => {
  const { vocabulary: read } = loadTokenizer(writeSentencePiece(tokenizer))
  const { normalizer } = read
  const changes: Partial<Vocabulary>[] = [
    { unkSurface: '?' },
    { normalizer: { ...normalizer, removeExtraWhitespaces: true } },
    { normalizer: { ...normalizer, addDummyPrefix: false, whitespaceAsSuffix: true } },
    { bosId: 2, eosId: 1 },
  ]
  for (const change of changes) {
    const { sentencePiece, ...again } = loadTokenizer(
      writeSentencePiece(new Tokenizer({ ...read, ...change })),
    ).vocabulary
    const { sentencePiece: before, ...expected } = { ...read, ...change }
    expect(again).toEqual(expected)
    expect(sentencePiece?.trainerSpec.subarray(0, before?.trainerSpec.length)).toEqual(before?.trainerSpec)
  }
})

/** A tokenizer.json with these merges. */
const withMerges = (merges: readonly string[]) => {
  const file = json(writeTokenizerJson(tokenizer))
  file.model.merges = merges
  return new TextEncoder().encode(JSON.stringify(file))
}

test('merges of equal score may stand in the order of their parts', () => {
  const read = readTokenizerJson(withMerges(transformersMerges(vocabulary, 'by parts')))
  for (let length = 0; length < 40; length++) {
    const text = `ab${' '.repeat(length)}ab`
    expect(read.encode(text), text).toEqual(tokenizer.encode(text))
  }
})

test('merges that are not those of scores are kept as they are, and not written where scores are', () => {
  const [first, second, ...runs] = ['a b', '▁ a', '▁▁ ▁▁', '▁ ▁', '▁▁▁ ▁', '▁ ▁▁▁', '▁▁ ▁', '▁ ▁▁']
  const read = readTokenizerJson(withMerges([first, second, ...runs]))
  expect(json(writeTokenizerJson(read)).model.merges).toEqual([first, second, ...runs])
  for (const write of [writeGgufVocabulary, writeSentencePiece, writeLlama2c])
    expect(() => write(read)).toThrow('not all pieces that make a third are merged')
})

test('rows that only pad a model have names in files, and are not pieces', () => {
  const padded = (add: object) => {
    const pieces = [...vocabulary.pieces, '', '[PAD1]', '']
    const types = Uint8Array.of(...vocabulary.types, PieceType.unused, PieceType.unused, PieceType.unused)
    return new Tokenizer({
      ...vocabulary,
      pieces,
      types,
      scores: Float32Array.of(...vocabulary.scores, 0, 0, 0),
      ...add,
    })
  }
  const { length } = vocabulary.pieces
  const changed = padded({})
  const gguf = writeGgufVocabulary(changed)
  expect(gguf.tokens.slice(length)).toEqual([`[PAD${length}]`, '[PAD1]', `[PAD${length + 2}]`])
  const files = [readGgufVocabulary(gguf), loadTokenizer(writeSentencePiece(changed))]
  for (const { gaps, vocabSize } of files) expect([gaps, vocabSize]).toEqual([[length, length + 2], length + 3])
})

test('GGUF keeps where transformers 5 puts a space', () => {
  const file = json(
    writeTokenizerJson(new Tokenizer(smallVocabulary(normal, { extra: [['<X>', PieceType.userDefined]] }))),
  )
  file.normalizer = null
  for (const prepend_scheme of ['first', 'always']) {
    file.pre_tokenizer = { type: 'Metaspace', replacement: '▁', prepend_scheme, split: false }
    const read = readTokenizerJson(new TextEncoder().encode(JSON.stringify(file)))
    const gguf = writeGgufVocabulary(read)
    const again = readGgufVocabulary(gguf)
    const { spacePrefix, ...plain } = gguf
    expect(spacePrefix).toBe(prepend_scheme)
    for (const text of ['ab', ' ab', '  ab', 'a<X>b', '<X>ab<X> b', '<s>ab', ''])
      expect(again.encode(text, { special: true }), text).toEqual(read.encode(text, { special: true }))
    expect(again.decode(again.encode('ab'))).toBe('ab')
    // Without the field it is SentencePiece, which puts a space before each text.
    expect(readGgufVocabulary(plain).encode(' ab')).not.toEqual(read.encode(' ab'))
  }
  const decoding = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }] }
  const keeps = new TextEncoder().encode(JSON.stringify({ ...file, decoder: decoding }))
  expect(() => writeGgufVocabulary(readTokenizerJson(keeps))).toThrow('decoding drops a space other than')
})
