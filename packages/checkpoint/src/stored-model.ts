import type { Metadata } from './metadata'
import type { StoredTensor } from './stored-tensor'
import type { Vocabulary } from './vocabulary'

/** What the reader of a format finds in its files. */
export interface StoredModel {
  readonly format: string
  readonly name: string
  readonly metadata: Metadata
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** The tokenizer inside the model's files. */
  readonly vocabulary?: Vocabulary | undefined
}
