import type { GgufMetadata } from './formats/gguf-metadata'
import type { JsonObject } from './formats/json'
import type { Llama2cHeader } from './formats/llama2c-layout'

/** What the files of a model say about it, by format. `file` is the file that says it, for errors. */
export type Metadata = GgufFileMetadata | HuggingFaceMetadata | MetaMetadata | Llama2cMetadata

export interface GgufFileMetadata {
  readonly kind: 'gguf'
  readonly file: string
  /** The key-value pairs of the header. */
  readonly entries: GgufMetadata
}

export interface HuggingFaceMetadata {
  readonly kind: 'huggingface'
  /** `config.json`. */
  readonly file: string
  readonly config: JsonObject
  /** `generation_config.json`. */
  readonly generationConfig?: JsonObject | undefined
  /** `tokenizer_config.json`. */
  readonly tokenizerConfig?: JsonObject | undefined
  /** `chat_template.jinja`. */
  readonly chatTemplate?: string | undefined
}

export interface MetaMetadata {
  readonly kind: 'meta'
  /** `params.json`. */
  readonly file: string
  readonly params: JsonObject
}

export interface Llama2cMetadata {
  readonly kind: 'llama2c'
  readonly file: string
  readonly header: Llama2cHeader
}
