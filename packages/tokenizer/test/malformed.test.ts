import { expect, test } from 'vitest'
import {
  loadTokenizer,
  readGgufVocabulary,
  readLlama2c,
  TokenizerFormatError,
  UnsupportedTokenizerError,
  writeGgufVocabulary,
  writeSentencePiece,
  writeTokenizerJson,
} from '../src/index'
import {
  bytePieces,
  bytesOf,
  delimited,
  float32,
  integer,
  llama2c,
  llama2cPiece,
  model,
  piece,
  reserved,
  trainerSpec,
  varint,
  words,
} from './wire'

const gigabytes = 0xfffffff0
const good = loadTokenizer(model())

/** As much of a tokenizer.json as the cases change. */
interface TokenizerFile {
  added_tokens: { id: unknown; lstrip: unknown }[]
  normalizer: unknown
  pre_tokenizer: unknown
  decoder: unknown
  post_processor: { single: unknown[]; special_tokens: Record<string, { ids: number[] }> }
  model: {
    type: unknown
    vocab: Record<string, unknown>
    merges: unknown[]
    dropout: unknown
    unk_token: unknown
    byte_fallback: boolean
    ignore_merges: boolean
  }
}

const json = JSON.parse(new TextDecoder().decode(writeTokenizerJson(good))) as TokenizerFile
const changedJson = (change: (json: TokenizerFile) => void): Uint8Array => {
  const copy = structuredClone(json)
  change(copy)
  return bytesOf(JSON.stringify(copy))
}

/** A byte-level tokenizer.json, changed. */
const byteJson = (change: (json: TokenizerFile) => void): Uint8Array =>
  changedJson(json => {
    json.normalizer = null
    change(json)
  })
const sequenceOf = (step: object) => ({
  type: 'Sequence',
  pretokenizers: [step, { type: 'ByteLevel', use_regex: false }],
})

/** Llama 3's list of ranks with tokens that mean nothing, and with another ninth line. */
const ranks = (ninth: string): Uint8Array => {
  const token = (rank: number) => btoa(String.fromCharCode(0x21, rank & 255, (rank >> 8) & 255, rank >> 16))
  const lines = Array.from({ length: 128_000 }, (_, rank) => `${token(rank)} ${rank}`)
  lines[8] = ninth
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}

/** A file with this JSON text for the value of a key that it has once, or first in `within`. */
const withValue = (within: string, key: string, value: string): Uint8Array => {
  const text = JSON.stringify(json)
  const at = text.indexOf(`${JSON.stringify(key)}:`, text.indexOf(`${JSON.stringify(within)}:`)) + key.length + 3
  return bytesOf(text.slice(0, at), text.slice(at).replace(/^("[^"]*"|\d+)/, value))
}
const nested = '['.repeat(200_000) + ']'.repeat(200_000)

/** For each malformed file: its bytes, and what the error says of it. */
const malformed: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  'an empty file': [bytesOf(), /is not a tokenizer.model, tokenizer.json or tokenizer.bin/],
  'a text': [bytesOf('# A tokenizer'), /is not a tokenizer.model/],
  'a GGUF file': [bytesOf('GGUF', [3, 0, 0, 0]), /is not a tokenizer.model/],
  'a model without pieces': [model({ pieces: [] }), /vocabulary is empty/],
  'a model cut within a piece': [model().subarray(0, 1000), /not valid protobuf/],
  'a varint without an end': [bytesOf(model(), [0x80, 0x80]), /not valid protobuf/],
  'a varint of eleven bytes': [
    model({ trainer: bytesOf([0x18], Array(10).fill(0xff), 1) }),
    /trainer_spec: not valid protobuf/,
  ],
  'a piece that claims 4 GB': [bytesOf([0x0a], varint(gigabytes), [0x0a, 0x01, 0x61]), /not valid protobuf/],
  'a text that claims 4 GB': [bytesOf([0x0a, 0x0a, 0x0a], varint(gigabytes), [1, 2, 3, 4]), /not valid protobuf/],
  'a trainer_spec that claims 4 GB': [bytesOf(...reserved, [0x12], varint(gigabytes)), /not valid protobuf/],
  'a length above 32 bits': [bytesOf([0x0a], varint(2 ** 40), [0x0a]), /not valid protobuf/],
  'field number 0': [bytesOf(model(), [0x02, 0x00]), /not valid protobuf/],
  'wire type 7': [bytesOf(model(), [0x07, 0x00]), /not valid protobuf/],
  'a group that never ends': [bytesOf(model(), Array(5000).fill(0x33)), /not valid protobuf/],
  'pieces as a number': [bytesOf(model(), integer(1, 5)), /wire type 0, expected 2/],
  'a piece whose text is a number': [bytesOf(delimited(1, integer(1, 7)), model()), /piece 0.*wire type 0/],
  'a piece whose score is a number': [
    bytesOf(delimited(1, bytesOf(delimited(1, 'x'), integer(2, 7))), model()),
    /wire type 0, expected 5/,
  ],
  'a piece whose type is a text': [
    bytesOf(delimited(1, bytesOf(delimited(1, 'x'), delimited(3, 'y'))), model()),
    /wire type 2, expected 0/,
  ],
  'a trainer_spec of floats': [model({ trainer: float32(3, 2) }), /wire type 5/],
  'a piece without text': [
    model({ pieces: [...reserved, ...bytePieces, ...words, delimited(1, float32(2, 0))] }),
    /piece 263 is empty/,
  ],
  'a piece that is not UTF-8': [
    model({ pieces: [...reserved, ...bytePieces, delimited(1, delimited(1, bytesOf([0xc3, 0x28])))] }),
    /piece 259.*not valid UTF-8/,
  ],
  'a repeated piece': [
    model({ pieces: [...reserved, ...bytePieces, ...words, piece('a', -5)] }),
    /piece 263 "a" repeats piece 261/,
  ],
  'a score of NaN': [
    model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', Number.NaN)] }),
    /"c" has the score NaN/,
  ],
  'an infinite score': [
    model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', -Infinity)] }),
    /score -Infinity/,
  ],
  'type 0': [model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', 0, 0)] }), /unknown type 0/],
  'type 7': [model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', 0, 7)] }), /unknown type 7/],
  'type 2^31': [model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', 0, 2 ** 31)] }), /unknown type/],
  'no unknown piece': [model({ pieces: [...reserved.slice(1), ...bytePieces, ...words] }), /no unknown piece/],
  'two unknown pieces': [
    model({ pieces: [...reserved, ...bytePieces, ...words, piece('c', 0, 2)] }),
    /second unknown piece/,
  ],
  'a missing byte piece': [
    model({ pieces: [...reserved, ...bytePieces.slice(0, 65), ...bytePieces.slice(66), ...words] }),
    /<0x41> is missing/,
  ],
  'no byte pieces, but byte fallback': [model({ pieces: [...reserved, ...words] }), /<0x00> is missing/],
  'a doubled byte piece': [
    model({ pieces: [...reserved, ...bytePieces, bytePieces[65], ...words] }),
    /"<0x41>" repeats/,
  ],
  'the byte piece <0x-1>': [model({ pieces: [...reserved, ...bytePieces, piece('<0x-1>', 0, 6)] }), /<0x00> to <0xFF>/],
  'the byte piece <0x100>': [
    model({ pieces: [...reserved, ...bytePieces, piece('<0x100>', 0, 6)] }),
    /<0x00> to <0xFF>/,
  ],
  'the byte piece a<0x41>': [
    model({ pieces: [...reserved, ...bytePieces, piece('a<0x41>', 0, 6)] }),
    /<0x00> to <0xFF>/,
  ],
  'the byte piece <0x41>a': [
    model({ pieces: [...reserved, ...bytePieces, piece('<0x41>a', 0, 6)] }),
    /<0x00> to <0xFF>/,
  ],
  'the byte piece <0xff>': [model({ pieces: [...reserved, ...bytePieces, piece('<0xff>', 0, 6)] }), /<0x00> to <0xFF>/],
  'byte pieces without byte fallback': [model({ trainer: integer(3, 2) }), /no byte fallback/],
  'an overlong piece': [
    model({ pieces: [...reserved, ...bytePieces, piece('a'.repeat(5000), 0)] }),
    /5000 characters long/,
  ],
  'a charsmap of one byte': [model({ normalizer: delimited(2, bytesOf(1)) }), /precompiled_charsmap/],
  'a charsmap that claims 4 GB': [
    model({ normalizer: delimited(2, bytesOf([0xfc, 0xff, 0xff, 0xff, 1, 2])) }),
    /claims a trie of 4294967292/,
  ],
  'a unigram model': [model({ trainer: bytesOf(integer(3, 1), integer(35, 1)) }), /of type unigram, expected bpe/],
  'a model of no stated type': [model({ trainer: integer(35, 1) }), /of type unigram/],
  'a word model': [model({ trainer: bytesOf(integer(3, 3), integer(35, 1)) }), /of type word/],
  'a char model': [model({ trainer: bytesOf(integer(3, 4), integer(35, 1)) }), /of type char/],
  'a model of type 9': [model({ trainer: bytesOf(integer(3, 9)) }), /of type 9/],
  'a denormaliser with rules': [model({ rest: delimited(5, delimited(2, 'rules')) }), /denormalizer_spec/],

  'a million empty pieces': [
    Uint8Array.from({ length: 2 ** 21 + 2 }, (_, i) => (i % 2 === 0 ? 0x0a : 0)),
    /more than 1048576 pieces/,
  ],
  'a tokenizer.bin of nothing': [bytesOf([8, 0, 0, 0]), /vocabulary is empty/],
  'a tokenizer.bin cut within a head': [llama2c().subarray(0, -3).subarray(0, 14), /ends within the head|are left/],
  'a tokenizer.bin cut within a piece': [llama2c().subarray(0, -1), /claims 1 bytes, 0 are left/],
  'a tokenizer.bin piece of 4 GB': [llama2c([llama2cPiece('<unk>', 0, gigabytes)]), /claims 4294967280 bytes/],
  'a tokenizer.bin piece above the longest': [
    llama2c([llama2cPiece('<unk>'.repeat(9))]),
    /the longest is said to have 8/,
  ],
  'a tokenizer.bin piece that is not UTF-8': [llama2c([llama2cPiece(bytesOf([0xff]))]), /not valid UTF-8/],
  'a tokenizer.bin score of NaN': [llama2c([llama2cPiece('<unk>', Number.NaN)]), /score NaN/],
  'a tokenizer.bin with some of the bytes': [
    llama2c(['<unk>', '<s>', '</s>', '<0x00>'].map(text => llama2cPiece(text))),
    /<0x01> is missing/,
  ],
  'a tokenizer.bin with a repeated piece': [bytesOf(llama2c(), llama2cPiece('ab')), /"ab" repeats/],
  'a tokenizer.bin of one piece': [
    llama2c([llama2cPiece('<unk>')]),
    /beginning-of-text token is 1, expected an id below 1/,
  ],

  'JSON cut short': [bytesOf('{"model": {'), /not JSON/],
  'JSON that is not UTF-8': [bytesOf('{"a":"', [0xff], '"}'), /not JSON in UTF-8/],
  'JSON without a model': [bytesOf('{}'), /model is missing, expected an object/],
  'a WordPiece tokenizer.json': [changedJson(json => (json.model.type = 'WordPiece')), /"WordPiece", expected "BPE"/],
  'a vocab that is a list': [
    changedJson(json => (json.model.vocab = [] as never)),
    /model.vocab is a list, expected an object/,
  ],
  'an id of -1': [changedJson(json => (json.model.vocab.a = -1)), /model.vocab.a is -1, expected an id/],
  'an id of 2^40': [changedJson(json => (json.model.vocab.a = 2 ** 40)), /model.vocab.a is 1099511627776/],
  'an id that is a text': [changedJson(json => (json.model.vocab.a = '5')), /model.vocab.a is "5"/],
  'an id of two pieces': [changedJson(json => (json.model.vocab.a = 262)), /other than that of/],
  'more ids without a piece than files have': [
    changedJson(json => (json.model.vocab.a = 400_000)),
    /399738 ids have no piece, at most 65536/,
  ],
  'an empty piece': [changedJson(json => (json.model.vocab[''] = 270)), /is the id of an empty piece/],
  'merges that are a text': [changedJson(json => (json.model.merges = 'a b' as never)), /expected a list/],
  // "aab" would be made of "a" and "ab", and "ab" of "a" and "b".
  'a merge without a space that would make a piece': [
    changedJson(json => {
      json.model.vocab.aab = 263
      json.model.merges = ['ab']
    }),
    /merges\[0\] is "ab", expected two pieces/,
  ],
  'a merge of two pieces and one more': [
    changedJson(json => (json.model.merges = [['a', 'b', 'c']])),
    /merges\[0\] is a list, expected two pieces/,
  ],
  'a merge of a piece and a number': [
    changedJson(json => (json.model.merges = [['a', 1]])),
    /merges\[0\] is a list, expected two pieces/,
  ],
  'a post-processor whose token is two ids': [
    changedJson(json => (Object.values(json.post_processor.special_tokens)[0].ids = [1, 2])),
    /special_tokens.<s> stands for 2 tokens, expected one/,
  ],
  'a merge of one piece': [changedJson(json => json.model.merges.push('ab')), /two pieces that make a third/],
  'a merge of three pieces': [changedJson(json => json.model.merges.push('a b a')), /two pieces that make a third/],
  'a merge into no piece': [changedJson(json => json.model.merges.push('b a')), /two pieces that make a third/],
  'a merge named twice': [changedJson(json => json.model.merges.push('a b')), /not named before/],
  'a merge of numbers': [
    changedJson(json => (json.model.merges = [[1, 2]])),
    /merges\[0\] is a list, expected two pieces/,
  ],
  'an added token on another id': [
    changedJson(json => (json.added_tokens[1].id = 5)),
    /is 5, expected 1, the id of "<s>"$/,
  ],
  'an added token with a flag that is a number': [
    changedJson(json => (json.added_tokens[1].lstrip = 1)),
    /lstrip is 1, expected true or false/,
  ],
  'another normaliser': [
    changedJson(json => (json.normalizer = { type: 'Lowercase' })),
    /normalizer.type is "Lowercase", expected Prepend/,
  ],
  'normalisers within one another': [
    changedJson(json => {
      for (let i = 0; i < 100; i++) json.normalizer = { type: 'Sequence', normalizers: [json.normalizer] }
    }),
    /expected at most 8 sequences within one another/,
  ],
  'a replacement of nothing': [
    changedJson(json => (json.normalizer = { type: 'Replace', pattern: { String: '' }, content: 'a' })),
    /normalizer.pattern.String is "", expected a string of 1 to 64/,
  ],
  'a replacement by a regular expression': [
    changedJson(json => (json.normalizer = { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: 'a' })),
    /normalizer.pattern.String is missing/,
  ],
  'a prepend scheme that nobody knows': [
    changedJson(json => (json.pre_tokenizer = { type: 'Metaspace', prepend_scheme: 'last' })),
    /prepend_scheme is "last", expected "first", "always" or "never"/,
  ],
  'a pattern that is not known': [
    byteJson(json => (json.pre_tokenizer = sequenceOf({ type: 'Split', pattern: { Regex: '(a+)+$' } }))),
    /pattern.Regex is "\(a\+\)\+\$", expected one of the patterns of GPT-2, Llama 3 and Qwen 2/,
  ],
  'a step that is not known': [
    byteJson(json => (json.pre_tokenizer = sequenceOf({ type: 'Whitespace' }))),
    /pre_tokenizer.pretokenizers\[0\].type is "Whitespace", expected ByteLevel, Split/,
  ],
  'ByteLevel that is not the last step': [
    byteJson(
      json =>
        (json.pre_tokenizer = { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }, { type: 'ByteLevel' }] }),
    ),
    /expected it to be the last/,
  ],
  'a decoder that is not known': [
    changedJson(json => (json.decoder = { type: 'WordPiece' })),
    /decoder.type is "WordPiece"/,
  ],
  'a template of two tokens': [
    changedJson(json => json.post_processor.single.unshift(json.post_processor.single[0])),
    /post_processor.single puts more than one token/,
  ],
  'a template with a token that it does not name': [
    changedJson(json => (json.post_processor.special_tokens = {})),
    /special_tokens.<s> is missing/,
  ],
  'a template whose token is text': [
    changedJson(json => (json.post_processor.special_tokens['<s>'].ids = [261])),
    /beginning-of-text token 261 is not a control piece/,
  ],
  'BERT around the text': [
    changedJson(json => (json.post_processor = { type: 'BertProcessing' } as never)),
    /post_processor.type is "BertProcessing"/,
  ],
  'ignore_merges without bytes': [changedJson(json => (json.model.ignore_merges = true)), /ignores merges without/],
  'more merges than ids could make': [
    changedJson(json => (json.model.merges = Array(2 ** 21 + 1).fill(0))),
    /merges are 2097153, at most 2097152/,
  ],
  'a value nested deeper than the stack, for a number': [withValue('vocab', 'a', nested), /model.vocab.a is a list/],
  'a value nested deeper than the stack, for a name': [withValue('model', 'type', nested), /model.type is a list/],
  'an object that is not text, for a number': [
    withValue('vocab', '<s>', '{"toString":1,"valueOf":2}'),
    /model.vocab.<s> is an object, expected an id below 1048576/,
  ],
  'a __proto__ that is an object': [
    bytesOf(JSON.stringify(json).replace('"vocab":{', '"vocab":{"__proto__":{"a":1},')),
    /model.vocab.__proto__ is an object, expected an id below 1048576/,
  ],
  'a piece of half a character': [
    bytesOf(JSON.stringify(json).replace('"vocab":{', '"vocab":{"\\ud800":263,')),
    /piece 263 "\\ud800" is not well-formed/,
  ],
  'an id beyond all numbers': [withValue('vocab', 'a', '1e999'), /model.vocab.a is Infinity/],
  'ByteLevel behind a normaliser that writes ▁': [
    changedJson(json => (json.pre_tokenizer = { type: 'ByteLevel' })),
    /normalizer replaces text before ByteLevel/,
  ],
  dropout: [changedJson(json => (json.model.dropout = 0.1)), /has dropout/],
  'neither unk_token nor bytes': [
    changedJson(json => {
      json.model.unk_token = null
      json.model.byte_fallback = false
    }),
    /has no unk_token and falls back to no bytes/,
  ],
  'an unk_token without an id': [
    changedJson(json => (json.model.unk_token = '?')),
    /unk_token is "\?", expected a piece/,
  ],

  'a pointer of Git LFS': [
    bytesOf(`version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 499723\n`),
    /is a pointer of Git LFS in place of the file/,
  ],
  'ranks of another model': [bytesOf('IQ== 0\nIg== 1\n'), /is a list of 2 ranks, expected the 128000 of Llama 3/],
  'a rank that is a text': [ranks('IQ== first'), /line 9 is "IQ== first", expected a token in Base64 and its rank/],
  'a rank named twice': [ranks('IQ== 0'), /line 9 has the rank 0, expected each below 128000 once/],
  'a rank that is too large': [ranks('IQ== 128000'), /line 9 has the rank 128000/],
  'a token that is not Base64': [ranks('I 8'), /line 9 is not Base64/],
  'a rank of an empty line': [ranks(''), /line 9 is "", expected a token/],
  'two ranks of one token': [ranks('IQAAAA== 8'), /piece 8 .* repeats piece 0/],
}

test('there are at least 30 malformed files, and the good ones are good', () => {
  expect(Object.keys(malformed).length).toBeGreaterThanOrEqual(30)
  expect(good.vocabSize).toBe(263)
  expect(readLlama2c(llama2c()).encode('abab')).toEqual(good.encode('abab'))
  expect(loadTokenizer(bytesOf(JSON.stringify(json))).encode('abab')).toEqual(good.encode('abab'))
})

test.each(Object.entries(malformed))('%s is refused by name, in bounded memory', (_, [bytes, message]) => {
  const before = process.memoryUsage()
  const peak = process.resourceUsage().maxRSS
  let error: unknown
  try {
    loadTokenizer(bytes, { name: 'some/file' })
  } catch (thrown) {
    error = thrown
  }
  const after = process.memoryUsage()
  expect(error instanceof TokenizerFormatError || error instanceof UnsupportedTokenizerError, String(error)).toBe(true)
  expect((error as Error).message).toMatch(/^some\/file: /)
  expect((error as Error).message).toMatch(message)
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20)
  expect(after.heapTotal - before.heapTotal).toBeLessThan(128 * 2 ** 20)
  // In KiB: also what was taken for a moment only, garbage that had not been collected with it.
  expect(process.resourceUsage().maxRSS - peak).toBeLessThan(256 * 2 ** 10)
})

test('pieces that can be made of others in millions of ways are refused, in bounded memory', () => {
  // All runs of a letter up to the longest: 511 × 512 / 2 ways a letter.
  const runs = Array.from('abcdefghijklmnopqrst', letter =>
    Array.from({ length: 512 }, (_, i) => piece(letter.repeat(i + 1), -i)),
  )
  const bytes = model({ pieces: [...reserved, ...bytePieces, ...runs.flat()] })
  const before = process.resourceUsage().maxRSS
  const message = 'some/file: more than 2097152 ways to make its pieces of others'
  expect(() => loadTokenizer(bytes, { name: 'some/file' })).toThrow(message)
  // In KiB.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(512 * 1024)
})

test('GGUF arrays that are missing, or of another model, are refused by name', () => {
  const gguf = writeGgufVocabulary(good)
  const read = (changes: object) => () => readGgufVocabulary({ ...gguf, ...changes }, { name: 'some.gguf' })
  expect(read({ model: 'bert' })).toThrow('tokenizer.ggml.model is "bert", expected "llama" or "gpt2"')
  expect(read({ model: 'gpt2', merges: [], pre: 'tekken' })).toThrow(UnsupportedTokenizerError)
  expect(read({ model: 'gpt2', merges: [], pre: 'tekken' })).toThrow(
    /tokenizer.ggml.pre is "tekken", expected one of default, gpt-2, .*smollm/,
  )
  expect(read({ model: 'gpt2' })).toThrow('tokenizer.ggml.merges is missing')
  for (const merges of [['a'], ['a b c'], ['a z'], ['a b', 'a b'], ['']])
    expect(read({ model: 'gpt2', merges })).toThrow(
      /tokenizer.ggml.merges\[\d\] is .*, expected two pieces that make a third/,
    )
  expect(read({ model: 'gpt2', merges: Array(2 ** 21 + 1).fill('') })).toThrow('has 2097153 merges, at most 2097152')
  expect(read({ model: 'gpt2', merges: ['a b'] })).toThrow('but the model has no byte fallback')
  expect(read({ scores: undefined })).toThrow('some.gguf: tokenizer.ggml.scores is missing')
  expect(read({ types: undefined })).toThrow('tokenizer.ggml.token_type is missing')
  expect(read({ scores: gguf.scores?.subarray(1) })).toThrow(TokenizerFormatError)
  expect(read({ types: gguf.types?.map(type => (type === 1 ? 257 : type)) })).toThrow('unknown type 0')
  expect(read({ unkId: 300 })).toThrow(TokenizerFormatError)
  expect(read({ bosId: 300 })).toThrow('the beginning-of-text token is 300, expected an id below 263')
  expect(read({ bosId: 261 })).toThrow(UnsupportedTokenizerError)
  expect(read({ padId: 300 })).toThrow('padding id 300')
  expect(read({ spacePrefix: 'last' })).toThrow('space_prefix is "last", expected "first" or "always"')
})

test('files beside a tokenizer that are malformed are refused, by their own names', () => {
  const token = { content: '<|im_end|>', special: true }
  const refused: [object, RegExp][] = [
    [{ config: bytesOf('{') }, /^tokenizer_config.json: is not JSON/],
    [{ config: [] }, /^tokenizer_config.json: the file is a list, expected an object/],
    [{ config: { added_tokens_decoder: { x: token } } }, /its name is "x", expected an id below/],
    [{ config: { added_tokens_decoder: { 2000000: token } } }, /is 2000000, expected an id below/],
    [{ config: { added_tokens_decoder: { 1000000: token } } }, /some\/file: 999737 ids have no piece, at most 65536/],
    [{ config: { added_tokens_decoder: { 5: token } } }, /expected an id other than that of "<0x02>"/],
    [{ config: { added_tokens_decoder: { 300: {} } } }, /added_tokens_decoder.300.content is missing/],
    [{ config: { added_tokens_decoder: { 300: { content: '<s>' } } } }, /expected 1, the id of "<s>"/],
    [{ config: { added_tokens_decoder: { 300: { content: '' } } } }, /expected a token with a text/],
    [
      { config: { added_tokens_decoder: { 300: { ...token, lstrip: 'no' } } } },
      /lstrip is "no", expected true or false/,
    ],
    [{ config: { eos_token: '<|nowhere|>' } }, /eos_token is "<|nowhere|>", which the vocabulary does not have/],
    [{ config: { eos_token: 7 } }, /eos_token is 7, expected an object/],
    [{ config: { add_bos_token: 'yes' } }, /add_bos_token is "yes", expected true or false/],
    [{ specialTokensMap: { bos_token: { content: 1 } } }, /^special_tokens_map.json: bos_token.content is 1/],
    [{ addedTokens: { '<|im_end|>': -1 } }, /^added_tokens.json: <|im_end|> is -1, expected an id below/],
    [{ addedTokens: { '<s>': 300 } }, /<s> is 300, expected 1, the id of "<s>"/],
  ]
  for (const [files, message] of refused) {
    const load = () => loadTokenizer(model(), { name: 'some/file', ...files })
    expect(load, String(message)).toThrow(TokenizerFormatError)
    expect(load).toThrow(message)
  }
})

test('fields that nobody knows are kept', () => {
  const unknown = bytesOf(delimited(1, bytesOf(delimited(1, 'c'), float32(2, -9), delimited(200, 'p'))))
  const bytes = model({
    pieces: [...reserved, ...bytePieces, ...words, unknown],
    trainer: bytesOf(trainerSpec, delimited(300, 't')),
    rest: bytesOf(delimited(4, 'samples'), integer(777, 5)),
  })
  const read = loadTokenizer(bytes)
  expect(Buffer.compare(writeSentencePiece(read), bytes)).toBe(0)
})

test('a GGUF vocabulary with its own normaliser keeps to it', () => {
  const plain = writeGgufVocabulary(good)
  const collapsing = readGgufVocabulary({ ...plain, removeExtraWhitespaces: true })
  expect(collapsing.encode('  a   a ')).toEqual(good.encode('a a'))
  expect(good.encode('  a   a ')).not.toEqual(good.encode('a a'))
  expect(readGgufVocabulary(writeGgufVocabulary(collapsing)).encode('  a   a ')).toEqual(good.encode('a a'))
})
