import { addedToken } from '../added-tokens'
import { pieceOfBytes } from '../byte-level'
import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import { Tokenizer } from '../tokenizer'
import { defaultUnkSurface, llamaNormalizer, maxPieceLength, PieceType, type Vocabulary } from '../vocabulary'
import { extendVocabulary, type TokenizerFiles } from './added-files'

/** The number of ranks in Llama 3's file. A file with another number is another model, and its pattern is not in the file. */
const llama3Ranks = 128_000

// The special tokens are in Meta's code, not in the file. These are the tokens of Llama 3.1 and later. Llama 3 calls
// four of them, which it does not use, reserved.
const named = [
  '<|begin_of_text|>',
  '<|end_of_text|>',
  '<|reserved_special_token_0|>',
  '<|reserved_special_token_1|>',
  '<|finetune_right_pad_id|>',
  '<|step_id|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eom_id|>',
  '<|eot_id|>',
  '<|python_tag|>',
]
const specialTokens = [
  ...named,
  ...Array.from({ length: 256 - named.length }, (_, i) => `<|reserved_special_token_${i + 2}|>`),
]

/** Whether a file begins like a list of ranks: Base64, a space, a number, the end of the line. */
export const isTiktoken = (bytes: Uint8Array): boolean =>
  /^[A-Za-z0-9+/]+={0,2} \d+\r?\n/.test(String.fromCharCode(...bytes.subarray(0, 4 * maxPieceLength)))

/**
 * Reads the `tokenizer.model` of Meta's Llama 3 download: the ranks of tiktoken, a line each, with a token in Base64 and
 * its rank. Of all pairs of neighbours that make a token, the one with the lowest rank is merged first.
 *
 * @param bytes the file
 * @param options `name`: the file's name, for errors; the files next to it
 * @throws {TokenizerFormatError} for an invalid line, and for a rank that is missing or given twice
 * @throws {UnsupportedTokenizerError} if the number of ranks is not that of Llama 3
 */
export function readTiktoken(
  bytes: Uint8Array,
  { name = 'tokenizer.model', ...files }: { name?: string } & TokenizerFiles = {},
): Tokenizer {
  const lines = new TextDecoder('latin1').decode(bytes).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines.length !== llama3Ranks)
    throw new UnsupportedTokenizerError(
      name,
      `is a list of ${lines.length} ranks, expected the ${llama3Ranks} of Llama 3: use the tokenizer.json of this model`,
    )
  const pieces: string[] = Array(llama3Ranks).fill('')
  for (const [i, line] of lines.entries()) {
    const fail = (problem: string) => new TokenizerFormatError(name, `line ${i + 1} ${problem}`)
    const match = /^([A-Za-z0-9+/]+={0,2}) (\d{1,7})$/.exec(line)
    if (match === null) throw fail(`is ${JSON.stringify(line.slice(0, 80))}, expected a token in Base64 and its rank`)
    const rank = Number(match[2])
    if (rank >= llama3Ranks || pieces[rank] !== '')
      throw fail(`has the rank ${rank}, expected each below ${llama3Ranks} once`)
    pieces[rank] = pieceOfBytes(base64(match[1], fail))
  }
  const count = llama3Ranks + specialTokens.length
  const special = (token: string) => llama3Ranks + specialTokens.indexOf(token)
  const vocabulary: Vocabulary = {
    pieces: [...pieces, ...specialTokens],
    scores: Float32Array.from({ length: count }, (_, rank) => -rank),
    types: Uint8Array.from({ length: count }, (_, id) => (id < llama3Ranks ? PieceType.normal : PieceType.control)),
    unkId: undefined,
    bosId: special('<|begin_of_text|>'),
    eosId: special('<|end_of_text|>'),
    padId: special('<|finetune_right_pad_id|>'),
    eotId: special('<|eot_id|>'),
    eomId: special('<|eom_id|>'),
    addBos: true,
    byteFallback: false,
    unkSurface: defaultUnkSurface,
    normalizer: { ...llamaNormalizer, addDummyPrefix: false, escapeWhitespaces: false },
    added: specialTokens.map((token, i) => addedToken(llama3Ranks + i, token)),
    rules: {
      normalizers: [],
      escapesSpaces: false,
      metaspace: undefined,
      byteLevel: true,
      prefixSpace: false,
      splits: ['llama3'],
      ignoreMerges: true,
      stripsSpace: false,
    },
  }
  return new Tokenizer(extendVocabulary(vocabulary, files), { name })
}

function base64(text: string, fail: (problem: string) => Error): number[] {
  try {
    return Array.from(atob(text), char => char.charCodeAt(0))
  } catch {
    throw fail('is not Base64')
  }
}
