import type { Checkpoint } from '../checkpoint'
import { elementCount } from '../dtypes'
import { ConversionError } from '../errors'
import type { OutputFile } from '../output-file'
import { runs } from './llama2c-layout'
import { llama2cConstants } from './llama2c-reader'

/** Rotary cosines and sines, [max_seq_len, head / 2], that version 0 files carry and `run.c` skips. */
function* rotaryTable(checkpoint: Checkpoint, of: (angle: number) => number): Generator<Uint8Array<ArrayBuffer>> {
  const { max_seq_len, dim, n_heads, rope_theta } = checkpoint.config
  const head = dim / n_heads
  for (let position = 0; position < max_seq_len; position++) {
    const row = Float32Array.from({ length: head / 2 }, (_, i) => of(position * rope_theta ** ((-2 * i) / head)))
    yield new Uint8Array(row.buffer)
  }
}

const checkRepresentable = ({ name: file, config }: Checkpoint) => {
  for (const [field, expected] of Object.entries(llama2cConstants)) {
    const value = config[field as keyof typeof llama2cConstants]
    if (value === expected) continue
    throw new ConversionError({ file, field }, `is ${value}, but a llama2.c file means ${expected}; write GGUF instead`)
  }
  if (config.rope_scaling) {
    throw new ConversionError(
      { file, field: 'rope_scaling' },
      `is ${config.rope_scaling.type}, which a llama2.c file cannot say; write GGUF or a Hugging Face folder instead`,
    )
  }
}

/**
 * A llama2.c version 0 checkpoint, all f32. Throws a `ConversionError` where the format cannot say what the config does
 * (another norm_eps or rope_theta than `run.c`'s, rope scaling).
 */
export const writeLlama2c = (checkpoint: Checkpoint, name = 'model.bin'): OutputFile => {
  checkRepresentable(checkpoint)
  const { config } = checkpoint
  const header = Int32Array.of(
    config.dim,
    config.hidden_dim,
    config.n_layers,
    config.n_heads,
    config.n_kv_heads,
    config.tied_output ? config.vocab_size : -config.vocab_size,
    config.max_seq_len,
  )
  const layout = [...runs('v0', config)]
  const elements = (run: (typeof layout)[number]) =>
    'skipped' in run ? run.elements : (elementCount(run.weight.shape) ?? 0)
  return {
    name,
    size: layout.reduce((size, run) => size + 4 * elements(run), header.byteLength),
    async *chunks({ signal } = {}) {
      yield new Uint8Array(header.buffer)
      for (const run of layout) {
        if ('skipped' in run) yield* rotaryTable(checkpoint, run.skipped === 'freq_cis_real' ? Math.cos : Math.sin)
        else yield new Uint8Array((await checkpoint.read(run.weight.meta, { dtype: 'f32', signal })).data.buffer)
      }
    },
  }
}
