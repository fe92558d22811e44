import type { CacheType } from '@cria/attention-variants'
import type { DType } from '@cria/dtypes'
import type { GenerateTextOptions } from '@cria/sampling'
import type { DeviceName, Precision, Tune } from '@cria/tensor'
import type { Vocabulary } from '@cria/tokenizer'

// The messages between a model's worker and the thread that uses it.

/** A file as it is sent: a blob by reference, bytes by copy. */
export interface SentFile {
  readonly name: string | undefined
  readonly content: Blob | Uint8Array
}

export type SentLocation = string | readonly SentFile[]

export interface SentLoad {
  /** Number of the model in this worker. */
  readonly model: number
  readonly from: SentLocation
  readonly device: DeviceName | 'auto' | undefined
  readonly threads: number | undefined
  readonly tune: Tune | undefined
  readonly precision: Precision | undefined
  readonly weights: DType | undefined
  readonly cache: CacheType | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly tokenizer: string | Uint8Array | { readonly vocabulary: Vocabulary } | undefined
}

/** The device that a model runs on in its worker. */
export interface DeviceFacts {
  readonly name: DeviceName
  /** What runs underneath: an adapter, a number of threads. */
  readonly description: string
  /** Bytes that the model holds on its device after loading. */
  readonly bytes: number
  /** Whether the CPU emulates the GPU: correct but slow. */
  readonly software: boolean
  /** What would make this machine faster; undefined where nothing is known. */
  readonly advice: string | undefined
}

export interface LoadedModel {
  readonly config: unknown
  readonly format: string
  readonly defaults: GenerateTextOptions
  readonly chatTemplates: ReadonlyMap<string, string>
  readonly vocabulary: Vocabulary
  readonly maxSeqLen: number
  readonly parameterCount: number
  readonly device: DeviceFacts
}
