import type { JsonObject } from './formats/json'

/** What a tokenizer is made from, found inside a checkpoint or beside it. */
export type Vocabulary = GgufVocabulary | VocabularyFile

/** The pieces inside a GGUF file (metadata `tokenizer.ggml.*`). Ids are undefined if the file does not have them. */
export interface GgufVocabulary {
  readonly kind: 'gguf'
  /** `tokenizer.ggml.model`: `llama` is SentencePiece BPE, `gpt2` is byte-level BPE. */
  readonly model: string
  /** `tokenizer.ggml.pre`: the name of the pattern that splits text before byte-level BPE. */
  readonly pre?: string | undefined
  readonly tokens: readonly string[]
  readonly scores: Float32Array | undefined
  /** 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. */
  readonly types: Int32Array | undefined
  /** Merges of byte-level BPE, best first: two pieces separated by a space. */
  readonly merges?: readonly string[] | undefined
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  /** End of a turn in a chat. */
  readonly eotId?: number | undefined
  /** End of a message that waits for the result of a tool. */
  readonly eomId?: number | undefined
  readonly unkId: number | undefined
  readonly padId: number | undefined
  /** Whether a prompt begins with BOS; undefined if the file does not say. */
  readonly addBos?: boolean | undefined
  /** Whether EOS goes after a text; undefined if the file does not say. */
  readonly addEos?: boolean | undefined
  /** Whether a space goes before the text; SentencePiece's `add_dummy_prefix`. */
  readonly addSpacePrefix: boolean
  /** SentencePiece's `remove_extra_whitespaces`; undefined if the file does not say, which means no. */
  readonly removeExtraWhitespaces?: boolean | undefined
  /** SentencePiece's compiled normaliser rules; undefined for LLaMA's, which change nothing. */
  readonly charsMap?: Uint8Array | undefined
  /** What the unknown piece decodes to, SentencePiece's `unk_surface`; undefined for its default. */
  readonly unkSurface?: string | undefined
  /** Jinja template of a chat. */
  readonly chatTemplate: string | undefined
}

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
