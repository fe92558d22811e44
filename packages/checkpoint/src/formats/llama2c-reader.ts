import { elementCount } from '@cria/dtypes'
import { MalformedFileError } from '../errors'
import { checkRange, type Source, viewOf } from '../sources/source'
import type { StoredModel, StoredPart, StoredTensor } from '../stored-model'
import { type Llama2cHeader, llama2cRuns } from './llama2c-layout'

/** `ak42` in little-endian: the magic of versions 1 and 2. Version 0 has none. */
const llama2cMagic = 0x616b3432

const configBytes = 28
const v1HeaderBytes = 256

/** No model has more layers or larger sizes. The limits bound every loop over the header of a hostile file. */
const maxLayers = 1000
const maxSize = 2 ** 31 - 1

/** Version 0 has no magic, so a file of any other kind is recognised by sizes that make no sense. */
const checkSizes = (header: Llama2cHeader, file: string) => {
  const refuse = (field: string, problem: string): never => {
    throw new MalformedFileError(
      { file, field },
      `${problem}; this is not a llama2.c checkpoint, and not another format that is known`,
    )
  }
  const { dim, n_heads, n_kv_heads, hidden_dim, vocab_size } = header
  for (const [field, value] of Object.entries(header)) {
    if (field === 'version' || field === 'shared_classifier') continue
    const limit = field === 'n_layers' ? maxLayers : maxSize
    if (value < 1 || value > limit) refuse(field, `is ${value}, expected a whole number from 1 to ${limit}`)
  }
  if (dim % n_heads !== 0) refuse('n_heads', `is ${n_heads}, which does not divide dim ${dim}`)
  if ((dim / n_heads) % 2 !== 0) refuse('n_heads', `gives heads of ${dim / n_heads}; rotary pairs need an even size`)
  if (n_heads % n_kv_heads !== 0) refuse('n_kv_heads', `is ${n_kv_heads}, which does not divide n_heads ${n_heads}`)
  for (const rows of [vocab_size, hidden_dim, dim]) {
    if (elementCount([rows, dim]) === undefined)
      refuse('dim', `gives a tensor of ${rows} x ${dim}, beyond 2^53 elements`)
  }
}

interface Opened {
  readonly header: Llama2cHeader
  /** Bytes before the first tensor. */
  readonly bytes: number
  /** Elements that share one scale in version 2. */
  readonly groupSize: number | undefined
}

const readHeader = async (source: Source, signal: AbortSignal | undefined): Promise<Opened> => {
  const file = source.name
  checkRange(source, 0, configBytes, { field: 'header' })
  const bytes = await source.read(0, Math.min(source.size, v1HeaderBytes), { signal })
  const view = viewOf(bytes)
  const sizes = (at: number) => {
    const field = (index: number) => view.getInt32(at + 4 * index, true)
    return {
      dim: field(0),
      hidden_dim: field(1),
      n_layers: field(2),
      n_heads: field(3),
      n_kv_heads: field(4),
      vocab_size: field(5),
      seq_len: field(6),
    }
  }
  if (view.getUint32(0, true) !== llama2cMagic) {
    const { vocab_size, ...rest } = sizes(0)
    // A negative vocabulary size means that the output is not tied to the embedding.
    const header = { version: 0, ...rest, vocab_size: Math.abs(vocab_size), shared_classifier: vocab_size > 0 } as const
    checkSizes(header, file)
    return { header, bytes: configBytes, groupSize: undefined }
  }
  checkRange(source, 0, v1HeaderBytes, { field: 'header' })
  const version = view.getInt32(4, true)
  if (version !== 1 && version !== 2) {
    throw new MalformedFileError({ file, field: 'version' }, `is ${version}, expected 1 or 2`)
  }
  const shared = view.getUint8(36)
  if (shared > 1) throw new MalformedFileError({ file, field: 'shared_classifier' }, `is ${shared}, expected 0 or 1`)
  const header = { version, ...sizes(8), shared_classifier: shared === 1 } as const
  checkSizes(header, file)
  if (version === 1) return { header, bytes: v1HeaderBytes, groupSize: undefined }
  const groupSize = view.getInt32(37, true)
  if (groupSize < 1) throw new MalformedFileError({ file, field: 'group_size' }, `is ${groupSize}, expected 1 or more`)
  return { header, bytes: v1HeaderBytes, groupSize }
}

/** Places the tensors one after the other. The last one must end at the end of the file. */
const placeTensors = (source: Source, { header, bytes, groupSize }: Opened): Map<string, StoredTensor> => {
  const tensors = new Map<string, StoredTensor>()
  let at = bytes
  for (const { name, shape, isTable } of llama2cRuns(header)) {
    const elements = elementCount(shape) ?? 0
    if (isTable) {
      at += elements * 4
      continue
    }
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
      `has ${source.size} bytes, expected ${at} from its header; it is not a llama2.c checkpoint, or cut short or damaged`,
    )
  }
  return tensors
}

/**
 * Reads a llama2.c checkpoint: version 0 (`run.c`), 1 (f32 with a magic) or 2 (int8 groups, `runq.c`).
 * Throws a `MalformedFileError` unless the header describes exactly this file.
 */
export const readLlama2c = async (source: Source, signal?: AbortSignal): Promise<StoredModel> => {
  const opened = await readHeader(source, signal)
  const { header } = opened
  return {
    format: `llama2.c v${header.version}`,
    name: source.name,
    metadata: { kind: 'llama2c', file: source.name, header },
    tensors: placeTensors(source, opened),
  }
}
