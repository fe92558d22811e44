import { checkConfig, type ModelConfig } from '../config'
import { elementCount } from '../dtypes'
import { MalformedFileError, type Place } from '../errors'
import { checkRange, type Source } from '../sources/source'
import type { StoredModel } from '../stored-checkpoint'
import type { StoredPart, StoredTensor } from '../stored-tensor'
import { runs } from './llama2c-layout'

/** `ak42` in little-endian: the magic of versions 1 and 2. Version 0 has none. */
export const llama2cMagic = 0x616b3432

/** llama2.c files say neither: `run.c` has these in its code. */
export const llama2cConstants = { norm_eps: 1e-5, rope_theta: 10000 } as const

const configBytes = 28
const v1HeaderBytes = 256

class NoLlama2c extends MalformedFileError {
  constructor(place: Place, problem: string) {
    super(place, `${problem}; this is no llama2.c checkpoint, nor another format that is known`)
  }
}

/** dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len as int32. */
const readConfig = (view: DataView, at: number, file: string, tied: boolean | 'by sign'): ModelConfig => {
  const field = (index: number) => view.getInt32(at + 4 * index, true)
  const vocab = field(5)
  return checkConfig(
    {
      dim: field(0),
      hidden_dim: field(1),
      n_layers: field(2),
      n_heads: field(3),
      n_kv_heads: field(4),
      vocab_size: tied === 'by sign' ? Math.abs(vocab) : vocab,
      max_seq_len: field(6),
      // Version 0 marks an output of its own by a negative vocabulary.
      tied_output: tied === 'by sign' ? vocab > 0 : tied,
      ...llama2cConstants,
    },
    { file },
    // Version 0 has no magic: a file of any other kind shows by numbers that make no sense.
    NoLlama2c,
  )
}

interface Header {
  readonly version: 0 | 1 | 2
  readonly config: ModelConfig
  readonly bytes: number
  readonly groupSize: number | undefined
}

const readHeader = async (source: Source, signal: AbortSignal | undefined): Promise<Header> => {
  const file = source.name
  checkRange(source, 0, configBytes, { field: 'header' })
  const bytes = await source.read(0, Math.min(source.size, v1HeaderBytes), { signal })
  const view = new DataView(bytes.buffer)
  if (view.getUint32(0, true) !== llama2cMagic) {
    return { version: 0, config: readConfig(view, 0, file, 'by sign'), bytes: configBytes, groupSize: undefined }
  }
  checkRange(source, 0, v1HeaderBytes, { field: 'header' })
  const version = view.getInt32(4, true)
  if (version !== 1 && version !== 2) {
    throw new MalformedFileError({ file, field: 'version' }, `is ${version}, expected 1 or 2`)
  }
  const tied = view.getUint8(36)
  if (tied > 1) throw new MalformedFileError({ file, field: 'shared_classifier' }, `is ${tied}, expected 0 or 1`)
  const config = readConfig(view, 8, file, tied === 1)
  if (version === 1) return { version, config, bytes: v1HeaderBytes, groupSize: undefined }
  const groupSize = view.getInt32(37, true)
  if (groupSize < 1) throw new MalformedFileError({ file, field: 'group_size' }, `is ${groupSize}, expected 1 or more`)
  return { version, config, bytes: v1HeaderBytes, groupSize }
}

/** Places the tensors one after the other; the end must be the end of the file. */
const placeTensors = (source: Source, { version, config, bytes, groupSize }: Header): Map<string, StoredTensor> => {
  const tensors = new Map<string, StoredTensor>()
  let at = bytes
  for (const run of runs(version === 0 ? 'v0' : 'v1', config)) {
    if ('skipped' in run) {
      at += run.elements * 4
      continue
    }
    const { meta: name, shape } = run.weight
    const elements = elementCount(shape) ?? 0
    if (groupSize === undefined || shape.length === 1) {
      checkRange(source, at, elements * 4, { tensor: name })
      tensors.set(name, { name, shape, dtype: 'f32', parts: [{ source, offset: at, shape }] })
      at += elements * 4
      continue
    }
    if (elements % groupSize !== 0) {
      throw new MalformedFileError(
        { file: source.name, tensor: name, field: 'group_size' },
        `is ${groupSize}, which does not divide the tensor's ${elements} elements`,
      )
    }
    const scaleBytes = (elements / groupSize) * 4
    checkRange(source, at, elements + scaleBytes, { tensor: name })
    const part: StoredPart = { source, offset: at, shape, scales: { offset: at + elements, groupSize } }
    tensors.set(name, { name, shape, dtype: 'i8_grouped', parts: [part] })
    at += elements + scaleBytes
  }
  if (at !== source.size) {
    throw new MalformedFileError(
      { file: source.name },
      `has ${source.size} bytes, expected ${at} from its header; it is no llama2.c checkpoint, cut short or damaged`,
    )
  }
  return tensors
}

/**
 * Reads a llama2.c checkpoint: version 0 (`run.c`'s), 1 (f32 with a magic) or 2 (int8 groups, `runq.c`'s).
 * Throws a `MalformedFileError` unless the header describes exactly this file.
 */
export const readLlama2c = async (source: Source, signal?: AbortSignal): Promise<StoredModel> => {
  const header = await readHeader(source, signal)
  return {
    format: `llama2.c v${header.version}`,
    name: source.name,
    config: header.config,
    naming: 'meta',
    tensors: placeTensors(source, header),
  }
}
