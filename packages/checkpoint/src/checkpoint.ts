import type { DType, StorageOf } from '@cria/dtypes'
import type { Metadata } from './metadata'
import type { Vocabulary } from './vocabulary'

/** How files store tensors: a dtype, or llama2.c's int8 with one f32 scale for each group of elements. */
export type StoredDType = DType | 'i8_grouped'

export interface TensorInfo {
  /** Sizes from the outermost axis to the innermost: a matrix is [out, in]. If `shards` > 1, the shape of one shard. */
  readonly shape: readonly number[]
  /** How the file stores it. */
  readonly dtype: StoredDType
  /** Bytes in all files together. */
  readonly byteLength: number
  /** Number of model-parallel shards (Meta's `consolidated.NN.pth`); 1 in all other formats. */
  readonly shards: number
}

/** A tensor in memory, row-major: halves as their bits, blocks as bytes. */
export type TensorData = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: StorageOf<D> }
}[DType]

export interface ReadTensorOptions {
  /**
   * The type to convert to. Default: the stored type (f32 for `i8_grouped`). Every stored type converts to each of
   * `encodableDTypes` of `@cria/dtypes`.
   */
  readonly dtype?: DType | undefined
  /** Where row `row` of the file goes in the result; a permutation of the rows. Rows of a vector are its elements. */
  readonly permuteRows?: ((row: number) => number) | undefined
  /** The axis along which model-parallel shards are joined. Without it, the shards are copies, and the first is read. */
  readonly shardAxis?: 0 | 1 | undefined
  readonly signal?: AbortSignal | undefined
  /** Called as bytes of the files arrive, with the number of new bytes. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /**
   * Gives the memory for the result, of the given size in bytes, at an address that is a multiple of 8. Default: new memory. Nothing is
   * written there once the read has ended, even if it failed or was aborted.
   */
  readonly memory?: ((bytes: number) => Uint8Array) | undefined
}

/** A model's files, opened: what they say about the model, and their tensors under the names in the files. */
export interface Checkpoint {
  /** The name of the file format: `GGUF v3`, `Hugging Face safetensors`, `llama2.c v0`, … */
  readonly format: string
  /** The file or folder, as errors show it. */
  readonly name: string
  /** What the files say about the model. An architecture reads its config from it, and `generationSettings` reads everything else. */
  readonly metadata: Metadata
  /** All tensors under their names in the files. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** What a tokenizer is made from: inside the file or beside it. */
  readonly vocabulary: Vocabulary | undefined
  /**
   * Reads one tensor.
   * @throws ConversionError for a name that is not in `tensors`, a type whose blocks do not divide the rows, or a value
   * that the type cannot hold
   * @throws SourceError if the bytes cannot be read
   */
  read(name: string, options?: ReadTensorOptions): Promise<TensorData>
  close(): Promise<void>
}

export interface Progress {
  /** Bytes read so far, in all files together. */
  readonly loaded: number
  /** Bytes of all tensors, in all files together. */
  readonly total: number
}
