import { byteLength, type DType, elementCount } from '@cria/dtypes'
import { MalformedFileError, SourceError, UnsupportedModelError } from '../errors'
import { metaShardNumber, paramsName } from '../files'
import { baseName, folderName, type Source } from '../sources/source'
import type { StoredModel, StoredPart, StoredTensor } from '../stored-model'
import { readJsonFile } from './json'
import { type PickledTensor, readStateDict } from './pickle'
import { readZip, type ZipEntry } from './zip'

/** The pickle of 70B has about 100 kB. */
const maxPickleBytes = 2 ** 22

interface ShardTensor {
  readonly part: StoredPart
  readonly dtype: DType
}

/** The place of a tensor: it must be a whole run of its storage in row-major order. */
const placeTensor = (
  name: string,
  { storage, offset, shape, stride }: PickledTensor,
  entry: ZipEntry | undefined,
  source: Source,
): ShardTensor => {
  const refuse = (field: string, problem: string): never => {
    throw new MalformedFileError({ file: source.name, tensor: name, field }, problem)
  }
  if (!entry) return refuse('storage', `${JSON.stringify(storage.key)} is not in the archive`)
  if (entry.size !== byteLength(storage.dtype, storage.elements)) {
    refuse('storage', `has ${entry.size} bytes, expected ${byteLength(storage.dtype, storage.elements)}`)
  }
  const elements = elementCount(shape)
  if (elements === undefined || offset + elements > storage.elements) {
    refuse('shape', `[${shape}] from element ${offset} is more than its storage of ${storage.elements}`)
  }
  let expected = 1
  if (stride.length !== shape.length) refuse('stride', `has ${stride.length} axes, but the shape ${shape.length}`)
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) refuse('stride', `is [${stride}], not row-major for [${shape}]`)
    expected *= shape[axis]
  }
  const part = { source, offset: entry.offset + byteLength(storage.dtype, offset), shape }
  return { part, dtype: storage.dtype }
}

interface Shard {
  readonly source: Source
  readonly tensors: ReadonlyMap<string, ShardTensor>
}

/** If tensors could share bytes, a small file could fill any memory. Only a tied output may be the embedding. */
const checkOverlaps = (tensors: ReadonlyMap<string, ShardTensor>, file: string) => {
  const embedding = tensors.get('tok_embeddings.weight')?.part
  let end = 0
  for (const [tensor, { part, dtype }] of [...tensors].sort(([, a], [, b]) => a.part.offset - b.part.offset)) {
    if (tensor === 'output.weight' && part.offset === embedding?.offset) continue
    if (part.offset < end) throw new MalformedFileError({ file, tensor, field: 'storage' }, 'overlaps another tensor')
    end = part.offset + byteLength(dtype, elementCount(part.shape) ?? 0)
  }
}

const readShard = async (source: Source, signal: AbortSignal | undefined): Promise<Shard> => {
  const file = source.name
  const entries = await readZip(source, signal)
  const pickle = [...entries.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (!pickle)
    throw new MalformedFileError({ file, field: 'data.pkl' }, 'is not in the archive; was this saved by torch?')
  if (pickle.size > maxPickleBytes) {
    throw new MalformedFileError(
      { file, field: 'data.pkl' },
      `has ${pickle.size} bytes, expected at most ${maxPickleBytes}`,
    )
  }
  const folder = pickle.name.slice(0, -'data.pkl'.length)
  const order = entries.get(`${folder}byteorder`)
  if (order && order.size <= 16) {
    const text = new TextDecoder().decode(await source.read(order.offset, order.size, { signal }))
    if (text.trim() !== 'little')
      throw new UnsupportedModelError({ file, field: 'byteorder' }, `is ${text}, expected little`)
  }
  const pickled = readStateDict(await source.read(pickle.offset, pickle.size, { signal }), file)
  const tensors = new Map<string, ShardTensor>()
  for (const [name, tensor] of pickled) {
    tensors.set(name, placeTensor(name, tensor, entries.get(`${folder}data/${tensor.storage.key}`), source))
  }
  checkOverlaps(tensors, file)
  return { source, tensors }
}

/** The shards in order: `consolidated.00.pth`, `.01.pth`, … without a gap. */
const orderShards = (sources: readonly Source[]): Source[] => {
  const shards = sources
    .map(source => ({ source, number: metaShardNumber(source.name) }))
    .filter(({ number }) => number !== undefined)
    .sort((a, b) => Number(a.number) - Number(b.number))
  shards.forEach(({ source, number }, index) => {
    if (number === index) return
    const missing = `consolidated.${String(index).padStart(2, '0')}.pth`
    throw new SourceError({ file: source.name }, `follows ${missing}, which is missing; get it too`)
  })
  return shards.map(({ source }) => source)
}

/** One tensor with its parts from all model-parallel shards. */
const collect = (name: string, shards: readonly Shard[]): StoredTensor => {
  const found = shards.map(({ source, tensors }) => {
    const tensor = tensors.get(name)
    if (tensor) return tensor
    throw new MalformedFileError({ file: source.name, tensor: name }, 'is missing in this shard')
  })
  const [{ dtype, part }] = found
  for (const [index, other] of found.entries()) {
    if (other.dtype === dtype && `${other.part.shape}` === `${part.shape}`) continue
    throw new MalformedFileError(
      { file: shards[index].source.name, tensor: name },
      `is ${other.dtype} [${other.part.shape}], but ${dtype} [${part.shape}] in the first shard`,
    )
  }
  return { name, shape: part.shape, dtype, parts: found.map(tensor => tensor.part) }
}

/**
 * Reads Meta's original download: `params.json`, and `consolidated.NN.pth` as one file or as model-parallel shards.
 * The zip is read in place, and nothing in the pickle is evaluated. Throws by file, tensor and field.
 */
export const readMeta = async (sources: readonly Source[], signal?: AbortSignal): Promise<StoredModel> => {
  const params = sources.find(({ name }) => baseName(name) === paramsName)
  if (!params) throw new SourceError({ file: sources[0].name }, 'has no params.json beside it; give the folder')
  const json = await readJsonFile(params, signal)
  const shards: Shard[] = []
  for (const source of orderShards(sources)) shards.push(await readShard(source, signal))
  const [first] = shards
  const tensors = new Map<string, StoredTensor>()
  for (const name of first.tensors.keys()) tensors.set(name, collect(name, shards))
  return {
    format: "Meta's consolidated.pth",
    name: folderName(params.name),
    metadata: { kind: 'meta', file: params.name, params: json },
    tensors,
  }
}
