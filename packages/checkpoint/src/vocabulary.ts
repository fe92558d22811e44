import type { GgufVocabulary } from './formats/gguf-vocabulary'
import type { JsonObject } from './formats/json'

/** What a tokenizer is made from, found inside a checkpoint or beside it. */
export type Vocabulary = GgufVocabulary | VocabularyFile

/** JSON files that Hugging Face folders have beside a tokenizer, parsed. Each may add tokens to it. */
export interface VocabularyCompanions {
  /** `tokenizer_config.json`, with `added_tokens_decoder`. */
  readonly tokenizerConfig?: JsonObject | undefined
  /** `added_tokens.json`: ids by text. */
  readonly addedTokens?: JsonObject | undefined
  /** `special_tokens_map.json`. */
  readonly specialTokensMap?: JsonObject | undefined
}

/** A tokenizer file beside the weights: `tokenizer.model`, `tokenizer.json` or `tokenizer.bin`. */
export interface VocabularyFile {
  readonly kind: 'file'
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  readonly companions: VocabularyCompanions
  /** @throws SourceError @throws MalformedFileError for a file that is too large to be a tokenizer */
  read(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array<ArrayBuffer>>
}
