import { dataLines, dataText } from './data'

// The texts of tooling/referee/tokenizer/byte_level.py.

const chunkBytes = 1 << 16

/** Whole lines, as many as fill a chunk. */
function* chunks(text: string): Iterable<string> {
  let part = ''
  let size = 0
  for (const line of text.split('\n')) {
    part += `${line}\n`
    size += Buffer.byteLength(line) + 1
    if (size < chunkBytes) continue
    yield part
    part = ''
    size = 0
  }
  yield part
}

function* randomTexts(): Iterable<string> {
  const parts = [
    ...' \n\r\t\u00a0\u3000\u0085\u2028\ufeff\u200b',
    ..."'sStTrReEvVmMlLdD\u017f",
    ...'0123456789\u0663\u00bd\u2167\u{1d7d8}\u{11de0}',
    ...'.,!?-_()<>|$+=^~`@#\u00bf\u3002\u00ab\u{10100}',
    ...'abcxyzABC\u00e9\u0301\u00df\u01c5\u0430\u05d0\u0939\u094d\u6f22\u5b57\uac00\u1100\u{20000}\u{1f999}\u{1f468}\u200d',
    ...['the', ' the', 'ing', "'ll", "'RE", '  ', '\r\n', '\n\n', '<|im_end|>', '<|eot_id|>', '12345'],
    '\u{1f1eb}\u{1f1f7}',
  ]
  let state = 88172645
  const below = (limit: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
  for (let i = 0; i < 20_000; i++) {
    let text = ''
    for (let count = 1 + below(24); count > 0; count--) text += parts[below(parts.length)]
    yield text
  }
}

const scalars = Array.from({ length: 0x110000 }, (_, codePoint) => codePoint).filter(
  codePoint => codePoint < 0xd800 || codePoint > 0xdfff,
)

function* codePoints(): Iterable<string> {
  for (const codePoint of scalars) {
    const char = String.fromCodePoint(codePoint)
    yield `${char}a '${char}${char} 1${char} ${char}.`
  }
}

function* codePointsTogether(): Iterable<string> {
  for (let at = 0; at < scalars.length; at += 512)
    yield scalars
      .slice(at, at + 512)
      .map(codePoint => String.fromCodePoint(codePoint))
      .join('')
}

/** The texts of a group of the fixture; the others are files of the test data. */
export function byteLevelTexts(group: string): Iterable<string> {
  switch (group) {
    case 'vectors':
      return dataLines<{ text: string }>('llama2-tokenizer-vectors/spm_oracle_llama2.jsonl').map(({ text }) => text)
    case 'code points':
      return codePoints()
    case 'code points together':
      return codePointsTogether()
    case 'random':
      return randomTexts()
    default:
      return chunks(dataText(group))
  }
}
