import { elementCount } from '@cria/dtypes'
import type { OutputFile } from '../output-file'
import { type Llama2cHeader, llama2cRuns } from './llama2c-layout'

/** Rotary cosines and sines, [seq_len, head / 2]: version 0 files have them, and `run.c` ignores them. */
function* rotaryTable(
  { seq_len, dim, n_heads }: Llama2cHeader,
  of: (angle: number) => number,
): Generator<Uint8Array<ArrayBuffer>> {
  const head = dim / n_heads
  for (let position = 0; position < seq_len; position++) {
    const row = Float32Array.from({ length: head / 2 }, (_, i) => of(position * 10000 ** ((-2 * i) / head)))
    yield new Uint8Array(row.buffer)
  }
}

/**
 * A llama2.c version 0 file, all f32.
 * @param read gives the elements of a tensor, by its name in Meta's checkpoints
 */
export const writeLlama2cFile = (
  name: string,
  header: Omit<Llama2cHeader, 'version'>,
  read: (name: string, options: { readonly signal?: AbortSignal | undefined }) => Promise<Float32Array<ArrayBuffer>>,
): OutputFile => {
  const versioned = { ...header, version: 0 } as const
  const { dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len, shared_classifier } = header
  const vocabulary = shared_classifier ? vocab_size : -vocab_size
  const sizes = Int32Array.of(dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocabulary, seq_len)
  const runs = [...llama2cRuns(versioned)]
  return {
    name,
    size: runs.reduce((size, { shape }) => size + 4 * (elementCount(shape) ?? 0), sizes.byteLength),
    async *chunks({ signal } = {}) {
      yield new Uint8Array(sizes.buffer.slice(0))
      for (const run of runs) {
        if (run.isTable) yield* rotaryTable(versioned, run.name === 'freq_cis_real' ? Math.cos : Math.sin)
        else {
          const { buffer, byteOffset, byteLength } = await read(run.name, { signal })
          yield new Uint8Array(buffer, byteOffset, byteLength)
        }
      }
    },
  }
}
