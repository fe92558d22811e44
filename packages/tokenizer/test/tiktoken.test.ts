import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  loadTokenizer,
  readGgufVocabulary,
  readTokenizerJson,
  writeGgufVocabulary,
  writeSentencePiece,
  writeTokenizerJson,
} from '../src/index'

const bytesOf = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

// As many ranks as Llama 3 has: the bytes, some tokens, and others that no text becomes.
const tokens = [
  ...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)),
  ...['th', 'he', ' t', 'in', 'the', ' the', 'ing', 'll', '  ', 'la', 'lla', 'ma', ' lla', 'é', '漢', '\n\n'].map(
    bytesOf,
  ),
  bytesOf('漢').slice(0, 2) + bytesOf('字')[0],
  bytesOf('字').slice(0, 2),
  ' llama',
]
for (let i = 0; tokens.length < 128_000; i++)
  tokens.push(`\xff${String.fromCharCode(i & 255, (i >> 8) & 255, i >> 16)}`)
const ranks = new Map(tokens.map((token, rank) => [token, rank]))
const file = new TextEncoder().encode(tokens.map((token, rank) => `${btoa(token)} ${rank}\n`).join(''))

/** tiktoken by its definition: a word that is a token is that, else the pair of the lowest rank is merged first. */
function reference(word: string): number[] {
  const whole = ranks.get(word)
  if (whole !== undefined) return [whole]
  const parts = [...word]
  for (;;) {
    const joined = parts.map((part, i) => ranks.get(part + (parts[i + 1] ?? '\xff\xff\xff\xff\xff')) ?? Infinity)
    const lowest = Math.min(...joined)
    if (lowest === Infinity) return parts.map(part => ranks.get(part) as number)
    parts.splice(joined.indexOf(lowest), 2, tokens[lowest])
  }
}

const tokenizer = loadTokenizer(file, { name: 'tokenizer.model' })

test("Meta's Llama 3 file is known by its content, and its special tokens are those of Meta's code", () => {
  expect(tokenizer.vocabSize).toBe(128_256)
  expect([tokenizer.bosId, tokenizer.eosId, tokenizer.addsBos]).toEqual([128_000, 128_001, true])
  expect(tokenizer.endIds).toEqual([128_001, 128_009, 128_008])
  expect(tokenizer.specialTokens.get('<|start_header_id|>')).toBe(128_006)
  const turn = '<|start_header_id|>the<|end_header_id|>\n\nthe<|eot_id|>'
  expect([...tokenizer.encode(turn, { special: true })]).toEqual([
    ...[128_006, ranks.get('the'), 128_007, ranks.get('\n\n'), ranks.get('the'), 128_009],
  ])
  expect(tokenizer.encode(turn).every(id => id < 128_000)).toBe(true)
})

test('words are merged by rank, as tiktoken does it', () => {
  const word = fc.stringMatching(/^[thein lam漢字é]{1,30}$/)
  fc.assert(
    fc.property(word, text => {
      // Llama 3's pattern for these characters: letters with one space before them, spaces but the last, a space.
      const words = text.match(/ ?[^ ]+| +(?![^ ])| +/g) ?? []

      expect([...tokenizer.encode(text)]).toEqual(words.flatMap(part => reference(bytesOf(part))))
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    }),
    { numRuns: 300 },
  )
})

test('it is the same as tokenizer.json and as GGUF, and no tokenizer.model of SentencePiece', {
  timeout: 120_000,
}, () => {
  const gguf = writeGgufVocabulary(tokenizer)
  expect([gguf.model, gguf.pre, gguf.addBos]).toEqual(['gpt2', 'llama-bpe', true])
  for (const other of [readGgufVocabulary(gguf), readTokenizerJson(writeTokenizerJson(tokenizer))]) {
    for (const text of ['the llama, thinning', '漢字 é  \n\n the', ''])
      expect(other.encode(text)).toEqual(tokenizer.encode(text))
    expect([other.bosId, other.eosId, other.addsBos]).toEqual([128_000, 128_001, true])
    expect(new Set(other.endIds)).toEqual(new Set(tokenizer.endIds))
  }
  expect(() => writeSentencePiece(tokenizer)).toThrow('pieces are made of bytes')
})
