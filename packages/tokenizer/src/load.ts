import { TokenizerFormatError } from './errors'
import { extendVocabulary, type TokenizerFiles } from './formats/added-files'
import { readLlama2c } from './formats/llama2c'
import { readSentencePiece } from './formats/sentencepiece'
import { isTiktoken, readTiktoken } from './formats/tiktoken'
import { readTokenizerJson } from './formats/tokenizer-json'
import { Tokenizer } from './tokenizer'

export interface LoadTokenizerOptions extends TokenizerFiles {
  /** Names the file in errors. */
  readonly name?: string | undefined
}

/**
 * Reads a tokenizer file of any kind, known by its content: SentencePiece's `.model`, llama2.c's `tokenizer.bin`,
 * Hugging Face's `tokenizer.json`, and the `tokenizer.model` of Meta's Llama 3.
 *
 * @param bytes the file
 * @param options.name names it in errors
 * @param options.config the files beside it, parsed or as bytes: `tokenizer_config.json`, and as `specialTokensMap` and
 * `addedTokens` those of these names. They add tokens, and say which are BOS and EOS and whether to put them.
 * @throws {TokenizerFormatError} for a file that is none of these, or malformed
 * @throws {UnsupportedTokenizerError} for a tokenizer that is not supported
 */
export function loadTokenizer(bytes: Uint8Array, options: LoadTokenizerOptions = {}): Tokenizer {
  const { name = 'tokenizer', ...files } = options
  // The longest piece of a tokenizer.bin is below 65,536 bytes; a protobuf has no two zeros there.
  if (bytes.length >= 4 && bytes[2] === 0 && bytes[3] === 0) {
    const tokenizer = readLlama2c(bytes, { name })
    return new Tokenizer(extendVocabulary(tokenizer.vocabulary, files), { name })
  }
  // No field of a SentencePiece model begins with a brace.
  if (bytes[0] === 0x7b) return readTokenizerJson(bytes, { ...files, name })
  if (isTiktoken(bytes)) return readTiktoken(bytes, { ...files, name })
  if (isLfsPointer(bytes))
    throw new TokenizerFormatError(
      name,
      'is a pointer of Git LFS in place of the file: fetch the file with `git lfs pull`, or download it again',
    )
  // Its fields are 1 to 5, and all have a length.
  if (bytes.length === 0 || bytes[0] > 0x2a || (bytes[0] & 7) !== 2)
    throw new TokenizerFormatError(name, 'is not a tokenizer.model, tokenizer.json or tokenizer.bin: give one of these')
  return readSentencePiece(bytes, { ...files, name })
}

const isLfsPointer = (bytes: Uint8Array) =>
  String.fromCharCode(...bytes.subarray(0, 40)).startsWith('version https://git-lfs.github.com/spec/')
