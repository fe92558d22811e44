import { checkConfig, feedForwardDim, type ModelConfig } from '../config'
import { byteLength, elementCount } from '../dtypes'
import { MalformedFileError, SourceError, UnsupportedModelError } from '../errors'
import { paramsName } from '../files'
import { weightsOf } from '../names'
import { baseName, folderName, type Source } from '../sources/source'
import type { StoredModel } from '../stored-checkpoint'
import type { StoredPart, StoredTensor } from '../stored-tensor'
import { fieldsOf, type JsonObject, readJsonFile } from './json'
import { type PickledTensor, readStateDict } from './pickle'
import { readZip, type ZipEntry } from './zip'

/** The pickle of 70B has some 100 kB. */
const maxPickleBytes = 2 ** 22

/** Parameters that `params.json` may have. Another one may change what the model computes, so it is refused. */
const knownParams = [
  'dim',
  'n_layers',
  'n_heads',
  'n_kv_heads',
  'vocab_size',
  'multiple_of',
  'ffn_dim_multiplier',
  'norm_eps',
  'max_seq_len',
  'max_batch_size',
  'rope_theta',
]

/** Reads `params.json`; `vocabSize` and `tied` are what the tensors say, for LLaMA 2 writes -1 as vocabulary. */
const readParams = (json: JsonObject, file: string, vocabSize: number, tied: boolean): ModelConfig => {
  for (const [field, value] of Object.entries(json)) {
    if (knownParams.includes(field) || value === null || value === false) continue
    throw new UnsupportedModelError(
      { file, field },
      `is ${JSON.stringify(value)}, a parameter that no LLaMA or LLaMA 2 has`,
    )
  }
  const fields = fieldsOf(json, { file })
  const dim = fields.number('dim')
  const n_heads = fields.number('n_heads')
  const norm_eps = fields.number('norm_eps')
  const multiplier = json.ffn_dim_multiplier == null ? undefined : fields.number('ffn_dim_multiplier')
  return {
    dim,
    n_layers: fields.number('n_layers'),
    n_heads,
    n_kv_heads: fields.number('n_kv_heads', n_heads),
    vocab_size: fields.number('vocab_size', -1) === -1 ? vocabSize : fields.number('vocab_size'),
    hidden_dim: feedForwardDim(dim, fields.number('multiple_of', 256), multiplier),
    norm_eps,
    // Meta's code takes the context as an option. The released models are told apart by their epsilon: LLaMA 2 has 1e-5.
    max_seq_len: fields.number('max_seq_len', norm_eps === 1e-5 ? 4096 : 2048),
    rope_theta: fields.number('rope_theta', 10000),
    tied_output: tied,
  }
}

interface ShardTensor {
  readonly part: StoredPart
  readonly dtype: StoredTensor['dtype']
}

/** A tensor must be a whole run of its storage in row-major order. */
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

/** Bytes that several tensors share would let a small file fill any memory. Only a tied output may be the embedding. */
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
  const number = (source: Source) => Number(/consolidated\.(\d+)\.pth$/.exec(baseName(source.name))?.[1])
  const shards = sources.filter(source => !Number.isNaN(number(source))).sort((a, b) => number(a) - number(b))
  shards.forEach((source, index) => {
    if (number(source) === index) return
    const missing = `consolidated.${String(index).padStart(2, '0')}.pth`
    throw new SourceError({ file: source.name }, `follows no ${missing}, which is missing; fetch it too`)
  })
  return shards
}

/** One tensor out of its model-parallel shards, joined along `axis`; without an axis it is whole in each. */
const join = (name: string, shards: readonly Shard[], axis: 0 | 1 | undefined): StoredTensor => {
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
  if (axis === undefined || found.length === 1) return { name, shape: part.shape, dtype, parts: [part] }
  const shape = part.shape.map((size, i) => (i === axis ? size * found.length : size))
  return { name, shape, dtype, parts: found.map(tensor => tensor.part), axis }
}

/**
 * Reads Meta's original download: `params.json` and `consolidated.NN.pth`, one file or the shards of a model-parallel
 * one. The zip is read in place and the pickle by a whitelist. Throws by file, tensor and field.
 */
export const readMeta = async (sources: readonly Source[], signal?: AbortSignal): Promise<StoredModel> => {
  const params = sources.find(({ name }) => baseName(name) === paramsName)
  if (!params) throw new SourceError({ file: sources[0].name }, 'has no params.json beside it; give the folder')
  const json = await readJsonFile(params, signal)
  const shards: Shard[] = []
  for (const source of orderShards(sources)) shards.push(await readShard(source, signal))
  const [first] = shards
  const rows = first.tensors.get('tok_embeddings.weight')?.part.shape[0] ?? -1
  const config = readParams(json, params.name, rows, !first.tensors.has('output.weight'))
  checkConfig(config, { file: params.name })
  const axes = new Map([...weightsOf(config)].map(({ meta, shardAxis }) => [meta, shardAxis]))
  const tensors = new Map<string, StoredTensor>()
  for (const name of first.tensors.keys()) tensors.set(name, join(name, shards, axes.get(name)))
  return { format: "Meta's consolidated.pth", name: folderName(params.name), config, naming: 'meta', tensors }
}
