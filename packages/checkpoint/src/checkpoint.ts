import type { ModelConfig } from './config'
import type { DType, WeightDType } from './dtypes'

export interface TensorInfo {
  /** Sizes from the outermost axis in; a matrix is [out, in]. */
  readonly shape: readonly number[]
  /** How the file stores it. */
  readonly dtype: DType
  /** Bytes that are read of the files for it. */
  readonly byteLength: number
}

/** A tensor in memory, row-major: f16 as its bits, q8_0 and q4_0 as GGUF blocks. */
export type TensorData =
  | { readonly dtype: 'f32'; readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }
  | { readonly dtype: 'f16'; readonly shape: readonly number[]; readonly data: Uint16Array<ArrayBuffer> }
  | { readonly dtype: 'q8_0' | 'q4_0'; readonly shape: readonly number[]; readonly data: Uint8Array<ArrayBuffer> }

export interface ReadTensorOptions {
  /** The type to convert to; by default the stored one if it is f32, f16, q8_0 or q4_0, and f32 otherwise. */
  readonly dtype?: WeightDType | undefined
  readonly signal?: AbortSignal | undefined
  /** Called as bytes of the files arrive, with the number of new ones. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** What a tokenizer is made from, found inside a checkpoint or beside it. */
export type Vocabulary = GgufVocabulary | VocabularyFile

/** The pieces inside a GGUF file (metadata `tokenizer.ggml.*`). */
export interface GgufVocabulary {
  readonly kind: 'gguf'
  /** `tokenizer.ggml.model`: `llama` is SentencePiece BPE. */
  readonly model: string
  readonly tokens: readonly string[]
  readonly scores: Float32Array | undefined
  /** 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. */
  readonly types: Int32Array | undefined
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly unkId: number | undefined
  readonly padId: number | undefined
  /** Whether a prompt begins with BOS; undefined where the file does not say, which means yes. */
  readonly addBos?: boolean | undefined
  /** Whether a space goes before the text; SentencePiece's `add_dummy_prefix`. */
  readonly addSpacePrefix: boolean
  /** SentencePiece's `remove_extra_whitespaces`; undefined where the file does not say, which means no. */
  readonly removeExtraWhitespaces?: boolean | undefined
  /** SentencePiece's compiled normaliser rules; undefined for the identity, LLaMA's. */
  readonly charsMap?: Uint8Array | undefined
  /** What the unknown piece decodes to, SentencePiece's `unk_surface`; undefined for its default. */
  readonly unkSurface?: string | undefined
  /** Jinja template of a chat, as given. */
  readonly chatTemplate: string | undefined
}

/** A tokenizer file beside the weights: `tokenizer.model`, `tokenizer.json` or `tokenizer.bin`. */
export interface VocabularyFile {
  readonly kind: 'file'
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  read(options?: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array<ArrayBuffer>>
}

/** A model on disk, in memory or on a server: its config, and its tensors one at a time, in one layout for all formats. */
export interface Checkpoint {
  /** The file format, for people: `GGUF v3`, `Hugging Face safetensors`, `llama2.c v0`, … */
  readonly format: string
  /** The file or folder, as errors show it. */
  readonly name: string
  readonly config: ModelConfig
  /** All weights by Meta's names (`layers.0.attention.wq.weight`), in the order of `weightsOf(config)`. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly vocabulary: Vocabulary | undefined
  /**
   * Reads one tensor; rows of wq and wk come in Meta's interleaved pairs whatever the file holds.
   * Rejects with a `ConversionError` for a name that is not in `tensors`, a type whose blocks do not divide the rows or
   * values beyond f16, a `SourceError` when the bytes cannot be had, and the signal's reason once aborted.
   */
  read(name: string, options?: ReadTensorOptions): Promise<TensorData>
  close(): Promise<void>
}

export interface Progress {
  /** Bytes read so far, of all files together. */
  readonly loaded: number
  /** Bytes that all the tensors take, in all files together. */
  readonly total: number
}

export interface ReadTensorsOptions {
  /** The type of each tensor, by name and shape; by default as `Checkpoint.read`. */
  readonly dtype?: ((name: string, info: TensorInfo) => WeightDType | undefined) | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** All tensors of a checkpoint, one after the other, so that no more than one is held beside what the caller keeps. */
export async function* readTensors(
  checkpoint: Checkpoint,
  { dtype, signal, onProgress }: ReadTensorsOptions = {},
): AsyncGenerator<[name: string, tensor: TensorData]> {
  let loaded = 0
  let total = 0
  for (const { byteLength } of checkpoint.tensors.values()) total += byteLength
  const onBytes = (bytes: number) => {
    loaded += bytes
    onProgress?.({ loaded, total })
  }
  for (const [name, info] of checkpoint.tensors) {
    yield [name, await checkpoint.read(name, { dtype: dtype?.(name, info), signal, onBytes })]
  }
}
