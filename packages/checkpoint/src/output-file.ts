import type { Vocabulary } from './checkpoint'

/** A file that a writer makes: its size is known before, and its bytes come piece by piece. */
export interface OutputFile {
  readonly name: string
  /** Size in bytes; the chunks add up to exactly this. */
  readonly size: number
  /** The bytes in order. Each call starts anew. Rejects with the signal's reason once aborted. */
  chunks(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Uint8Array<ArrayBuffer>>
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

/** The tokenizer's own file under the usual name, to lie beside the weights; none where the vocabulary is inside a GGUF. */
export const vocabularyFile = (vocabulary: Vocabulary | undefined): OutputFile[] =>
  vocabulary?.kind !== 'file'
    ? []
    : [
        {
          name: vocabulary.name.replace(/^.*\./s, 'tokenizer.'),
          size: vocabulary.size,
          async *chunks(options) {
            yield await vocabulary.read(options)
          },
        },
      ]
