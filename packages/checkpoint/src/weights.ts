import { elementCount } from '@cria/dtypes'
import type { Checkpoint, Progress, ReadTensorOptions, TensorData, TensorInfo } from './checkpoint'
import { ConversionError, MalformedFileError, UnsupportedModelError } from './errors'
import { memorySource } from './sources/memory'
import { readStored } from './stored-tensor'

/** A tensor that an architecture expects in a file, and how it is laid out there. */
export interface WeightSpec {
  /** The architecture's own name for it: the path to the parameter, such as `layers.0.attention.wq.weight`. */
  readonly path: string
  /** Its name in the file. Of several names, the first that the file has counts. */
  readonly name: string | readonly string[]
  /** Its whole shape, outermost axis first. */
  readonly shape: readonly number[]
  /** Where row `row` of the file goes, if the architecture and the file order rows differently. */
  readonly permuteRows?: ((row: number) => number) | undefined
  /** The axis along which model-parallel shards are cut; undefined if each shard has the whole tensor. */
  readonly shardAxis?: 0 | 1 | undefined
}

/** Weights under an architecture's own names, from a checkpoint or from memory. */
export interface Weights {
  /** The file or folder, as errors show it. */
  readonly name: string
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Reads one tensor. Throws as `Checkpoint.read`. */
  read(path: string, options?: Pick<ReadTensorOptions, 'dtype' | 'signal' | 'onBytes' | 'memory'>): Promise<TensorData>
}

const namesOf = ({ name }: WeightSpec): readonly string[] => (typeof name === 'string' ? [name] : name)

const wholeShape = ({ shape, shards }: TensorInfo, axis: 0 | 1 | undefined): readonly number[] =>
  shape.map((size, i) => (i === axis ? size * shards : size))

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, axis) => size === b[axis])

/**
 * Finds an architecture's weights in a checkpoint.
 * @param isDerived whether a tensor that is not among the weights may be ignored, since it follows from the config
 * @throws MalformedFileError for a weight that is missing or has another shape
 * @throws UnsupportedModelError for a tensor that the architecture does not have: ignoring it would change the results
 */
export const selectWeights = (
  checkpoint: Checkpoint,
  specs: Iterable<WeightSpec>,
  isDerived: (name: string) => boolean = () => false,
): Weights => {
  const { name: file } = checkpoint
  const found = new Map<string, { readonly name: string; readonly spec: WeightSpec }>()
  const tensors = new Map<string, TensorInfo>()
  const unused = new Set(checkpoint.tensors.keys())
  for (const spec of specs) {
    const { path, shape, shardAxis } = spec
    const names = namesOf(spec)
    const name = names.find(candidate => checkpoint.tensors.has(candidate))
    const info = name === undefined ? undefined : checkpoint.tensors.get(name)
    if (name === undefined || info === undefined) {
      throw new MalformedFileError({ file, tensor: names[0] }, `is missing; expected it with shape [${shape}]`)
    }
    const stored = wholeShape(info, shardAxis)
    if (!sameShape(stored, shape)) {
      throw new MalformedFileError(
        { file, tensor: name },
        `has shape [${stored}], expected [${shape}] from the config; the two do not belong together`,
      )
    }
    const byteLength = shardAxis === undefined ? info.byteLength / info.shards : info.byteLength
    unused.delete(name)
    found.set(path, { name, spec })
    tensors.set(path, { ...info, shape, byteLength, shards: 1 })
  }
  for (const name of unused) if (!isDerived(name)) throw unknownTensor(file, name)
  return {
    name: file,
    tensors,
    async read(path, options = {}) {
      const weight = found.get(path)
      if (!weight) throw noSuchWeight(file, path)
      const { permuteRows, shardAxis } = weight.spec
      return checkpoint.read(weight.name, { ...options, permuteRows, shardAxis })
    },
  }
}

const unknownTensor = (file: string, name: string) => {
  const kind = name.endsWith('.bias')
    ? 'is a bias, and this architecture has none there'
    : 'is not a weight of this architecture with this config (number of layers, tied output, biases)'
  return new UnsupportedModelError({ file, tensor: name }, `${kind}; the model needs another architecture`)
}

const noSuchWeight = (file: string, tensor: string) =>
  new ConversionError({ file, tensor }, 'is not a tensor of this model; see `tensors`')

/**
 * Weights over arrays in memory: a model that was trained here, for a writer.
 * @throws ConversionError for an array that is missing, unknown, or of the wrong length
 */
export const memoryWeights = (
  specs: Iterable<Pick<WeightSpec, 'path' | 'shape'>>,
  arrays: ReadonlyMap<string, Float32Array>,
  name = 'memory',
): Weights => {
  const tensors = new Map<string, TensorInfo>()
  for (const { path, shape } of specs) {
    const array = arrays.get(path)
    if (!array) throw new ConversionError({ file: name, tensor: path }, `is missing; expected it with shape [${shape}]`)
    if (array.length !== elementCount(shape)) {
      throw new ConversionError(
        { file: name, tensor: path },
        `has ${array.length} values, expected ${elementCount(shape)} for [${shape}]`,
      )
    }
    tensors.set(path, { shape, dtype: 'f32', byteLength: array.byteLength, shards: 1 })
  }
  for (const path of arrays.keys()) if (!tensors.has(path)) throw noSuchWeight(name, path)
  return {
    name,
    tensors,
    async read(path, options) {
      const array = arrays.get(path)
      const shape = tensors.get(path)?.shape
      if (!array || !shape) throw noSuchWeight(name, path)
      return readArray(array, path, shape, name, options)
    },
  }
}

/** A tensor in memory, converted as one in a file is. */
export const readArray = (
  { buffer, byteOffset, byteLength }: Float32Array,
  tensor: string,
  shape: readonly number[],
  name: string,
  options?: ReadTensorOptions,
): Promise<TensorData> => {
  const source = memorySource(new Uint8Array(buffer, byteOffset, byteLength), name)
  return readStored({ name: tensor, shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] }, options)
}

export interface ReadWeightsOptions {
  /** The type of each tensor; by default as stored. */
  readonly dtype?: ((path: string, info: TensorInfo) => ReadTensorOptions['dtype']) | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** The memory of tensors, in turns: a tensor is valid until the caller asks for the next one. Default: new memory for each. */
  readonly memory?: readonly [ReadTensorOptions['memory'], ReadTensorOptions['memory']] | undefined
}

/**
 * Reads all weights in order. While the caller uses one, the next is read: these two are in memory besides those that the
 * caller keeps. Nothing is being read any more once the iteration has ended, also by an error or an abort.
 */
export async function* readWeights(
  weights: Weights,
  { dtype, signal, onProgress, memory }: ReadWeightsOptions = {},
): AsyncGenerator<[path: string, tensor: TensorData]> {
  let loaded = 0
  let total = 0
  for (const { byteLength } of weights.tensors.values()) total += byteLength
  const onBytes = (bytes: number) => {
    loaded += bytes
    onProgress?.({ loaded, total })
  }
  const tensors = [...weights.tensors]
  const ended = new AbortController()
  const abort = () => ended.abort(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  const read = (i: number) => {
    const [path, info] = tensors[i]
    const options = { dtype: dtype?.(path, info), signal: ended.signal, onBytes, memory: memory?.[i % 2] }
    const reading = weights.read(path, options)
    // If the caller stops early, nobody awaits this read, so its error must not become an unhandled rejection.
    reading.catch(() => {})
    return { path, reading }
  }
  let next = tensors.length > 0 ? read(0) : undefined
  try {
    for (let i = 1; next; i++) {
      const { path, reading } = next
      const tensor = await reading
      next = i < tensors.length ? read(i) : undefined
      yield [path, tensor]
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    ended.abort()
    await next?.reading.catch(() => {})
  }
}
