import type { StoredDType } from './checkpoint'
import type { Metadata } from './metadata'
import type { Source } from './sources/source'
import type { Vocabulary } from './vocabulary'

/** A run of bytes of one file that holds a tensor, or one shard of it. */
export interface StoredPart {
  readonly source: Source
  readonly offset: number
  readonly shape: readonly number[]
  /** Scales of `i8_grouped`: one f32 for each `groupSize` elements of the flat tensor. */
  readonly scales?: { readonly offset: number; readonly groupSize: number }
}

/** The place of a tensor in its files, and how it is stored. */
export interface StoredTensor {
  /** Its name in the file. */
  readonly name: string
  /** Its shape, or that of each shard. */
  readonly shape: readonly number[]
  readonly dtype: StoredDType
  /** One, or the model-parallel shards in order. */
  readonly parts: readonly StoredPart[]
}

/** What the reader of a format finds in its files. */
export interface StoredModel {
  readonly format: string
  readonly name: string
  readonly metadata: Metadata
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** The tokenizer inside the model's files. */
  readonly vocabulary?: Vocabulary | undefined
}
