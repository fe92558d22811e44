import { TokenizerFormatError } from './errors'
import { readLlama2c } from './formats/llama2c'
import { readSentencePiece } from './formats/sentencepiece'
import { readTokenizerJson } from './formats/tokenizer-json'
import type { Tokenizer } from './tokenizer'

/**
 * Reads a tokenizer file of any kind, known by its content: SentencePiece's `.model`, llama2.c's
 * `tokenizer.bin`, Hugging Face's `tokenizer.json`.
 *
 * @param bytes the file
 * @param options.name names it in errors
 * @throws {TokenizerFormatError} for a file that is none of these, or malformed
 * @throws {UnsupportedTokenizerError} for one of another kind of model
 */
export function loadTokenizer(bytes: Uint8Array, { name = 'tokenizer' }: { name?: string } = {}): Tokenizer {
  // The longest piece of a tokenizer.bin is below 65,536 bytes; a protobuf has no two zeros there.
  if (bytes.length >= 4 && bytes[2] === 0 && bytes[3] === 0) return readLlama2c(bytes, { name })
  // No field of a SentencePiece model begins with a brace.
  if (bytes[0] === 0x7b) return readTokenizerJson(bytes, { name })
  // Its fields are 1 to 5, and all have a length.
  if (bytes.length === 0 || bytes[0] > 0x2a || (bytes[0] & 7) !== 2)
    throw new TokenizerFormatError(name, 'is no tokenizer.model, tokenizer.json or tokenizer.bin: give one of these')
  return readSentencePiece(bytes, { name })
}
