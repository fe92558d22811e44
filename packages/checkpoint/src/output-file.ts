import type { DType } from '@cria/dtypes'
import type { Vocabulary } from './vocabulary'

/** A file that a writer makes. Its size is known in advance, and its bytes come piece by piece. */
export interface OutputFile {
  readonly name: string
  /** Size in bytes; the chunks add up to exactly this. */
  readonly size: number
  /** The bytes in order. Each call starts again. Rejects with the signal's reason once it is aborted. */
  chunks(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Uint8Array<ArrayBuffer>>
}

/** A tensor for a writer. */
export interface OutputTensor {
  /** Its name in the file. */
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** The elements in `dtype`, row-major. */
  bytes(options: { readonly signal?: AbortSignal | undefined }): Promise<Uint8Array<ArrayBuffer>>
}

/** All bytes of a file in one array, for memory and small models. */
export const outputBytes = async (file: OutputFile): Promise<Uint8Array<ArrayBuffer>> => {
  const bytes = new Uint8Array(file.size)
  let at = 0
  for await (const chunk of file.chunks()) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** A file of these bytes. */
export const bytesFile = (name: string, bytes: Uint8Array): OutputFile => ({
  name,
  size: bytes.length,
  async *chunks({ signal } = {}) {
    signal?.throwIfAborted()
    yield bytes.slice()
  },
})

/** A file of this JSON value. */
export const jsonFile = (name: string, value: unknown): OutputFile =>
  bytesFile(name, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`))

/** The tokenizer's own files under their usual names, to be saved next to the weights; none if it is inside a GGUF file. */
export const vocabularyFiles = (vocabulary: Vocabulary | undefined): OutputFile[] => {
  if (vocabulary?.kind !== 'file') return []
  const { tokenizerConfig, addedTokens, specialTokensMap } = vocabulary.companions
  const companions = {
    'tokenizer_config.json': tokenizerConfig,
    'added_tokens.json': addedTokens,
    'special_tokens_map.json': specialTokensMap,
  }
  const file: OutputFile = {
    name: vocabulary.name.replace(/^.*\./s, 'tokenizer.'),
    size: vocabulary.size,
    async *chunks(options) {
      yield await vocabulary.read(options)
    },
  }
  const given = Object.entries(companions).filter(([, json]) => json !== undefined)
  return [file, ...given.map(([name, json]) => jsonFile(name, json))]
}
