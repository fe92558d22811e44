import { llamaWeights } from '../../src/checkpoint'
import { testHostile, watchedSource } from './hostile'
import { tinyConfig } from './tiny'

const u8 = (value: number) => Buffer.of(value)
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const f32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
const str = (text: string) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])

const type = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 }
const entry = (key: string, number: number, ...value: Buffer[]) => Buffer.concat([str(key), u32(number), ...value])
const count = (key: string, value: number) => entry(key, type.u32, u32(value))
const text = (key: string, value: string) => entry(key, type.string, str(value))
const array = (key: string, items: number, length: number | bigint, ...values: Buffer[]) =>
  entry(key, type.array, u32(items), u64(length), ...values)

interface Tensor {
  readonly name: string
  /** Innermost first, as in the file. */
  readonly dims: readonly (number | bigint)[]
  readonly type?: number
  readonly offset: number | bigint
  readonly dimensions?: number
}

const tensorEntry = ({ name, dims, type = 0, offset, dimensions = dims.length }: Tensor) =>
  Buffer.concat([str(name), u32(dimensions), ...dims.map(u64), u32(type), u64(offset)])

/** The metadata of the tiny model, by key. */
const metadata: Readonly<Record<string, Buffer>> = {
  'general.architecture': text('general.architecture', 'llama'),
  'llama.context_length': count('llama.context_length', tinyConfig.max_seq_len),
  'llama.embedding_length': count('llama.embedding_length', tinyConfig.dim),
  'llama.block_count': count('llama.block_count', tinyConfig.n_layers),
  'llama.feed_forward_length': count('llama.feed_forward_length', tinyConfig.hidden_dim),
  'llama.attention.head_count': count('llama.attention.head_count', tinyConfig.n_heads),
  'llama.attention.head_count_kv': count('llama.attention.head_count_kv', tinyConfig.n_kv_heads),
  'llama.attention.layer_norm_rms_epsilon': entry('llama.attention.layer_norm_rms_epsilon', type.f32, f32(1e-5)),
}

const bytesOf = (shape: readonly number[]) => 4 * shape.reduce((a, b) => a * b)

const modelTensors = (): Tensor[] => {
  let offset = 0
  return [...llamaWeights(tinyConfig)].map(({ gguf: name, shape }) => {
    const tensor = { name, dims: [...shape].reverse(), offset }
    offset += Math.ceil(bytesOf(shape) / 32) * 32
    return tensor
  })
}

interface File {
  readonly magic?: string
  readonly version?: number
  readonly tensorCount?: number | bigint
  readonly kvCount?: number | bigint
  /** Metadata to replace (or to drop, where undefined) or add. */
  readonly metadata?: Readonly<Record<string, Buffer | undefined>>
  /** Raw entries after the metadata. */
  readonly entries?: readonly Buffer[]
  readonly tensors?: readonly Tensor[]
  readonly cut?: number
}

/** The tiny model as GGUF, with the changes of a case. */
const gguf = (file: File = {}): Buffer => {
  const kept = Object.values({ ...metadata, ...file.metadata }).filter(bytes => bytes !== undefined)
  const entries = [...kept, ...(file.entries ?? [])]
  const tensors = file.tensors ?? modelTensors()
  const header = Buffer.concat([
    Buffer.from(file.magic ?? 'GGUF'),
    u32(file.version ?? 3),
    u64(file.tensorCount ?? tensors.length),
    u64(file.kvCount ?? entries.length),
    ...entries,
    ...tensors.map(tensorEntry),
  ])
  const data = [...llamaWeights(tinyConfig)].reduce((sum, { shape }) => sum + Math.ceil(bytesOf(shape) / 32) * 32, 0)
  const whole = Buffer.concat([header, Buffer.alloc(((32 - (header.length % 32)) % 32) + data)])
  return whole.subarray(0, whole.length - (file.cut ?? 0))
}

const hostile = (error: RegExp, bytes: Uint8Array, size?: number) => () => ({
  sources: [watchedSource('model.gguf', bytes, size)],
  error,
})

/** The tensors of the model with one changed. */
const withTensor = (name: string, change: Partial<Tensor>): Tensor[] =>
  modelTensors().map(tensor => (tensor.name === name ? { ...tensor, ...change } : tensor))

const embedding = 'token_embd.weight'
const first = (change: Partial<Tensor>) => gguf({ tensors: withTensor(embedding, change) })
const meta = (replaced: Record<string, Buffer | undefined>) => gguf({ metadata: replaced })
const extra = (...entries: Buffer[]) => gguf({ entries })
const tokens = array('tokenizer.ggml.tokens', type.string, 2, str('a'), str('b'))
const spm = text('tokenizer.ggml.model', 'llama')

testHostile('GGUF', {
  'an empty file': hostile(/magic/, Buffer.alloc(0)),
  'three bytes': hostile(/magic/, Buffer.from('GGU')),
  'another magic': hostile(/magic: is not GGUF/, gguf({ magic: 'GGML' })),
  'version 1': hostile(/version: is 1/, gguf({ version: 1 })),
  'version 4': hostile(/version: is 4/, gguf({ version: 4 })),
  'a big-endian file': hostile(/big-endian/, gguf({ version: 0x03000000 })),
  'counts cut off': hostile(/tensor_count/, gguf().subarray(0, 12)),
  'a tensor count of 2^64 - 1': hostile(
    /tensor_count: is 18446744073709551615, beyond/,
    gguf({ tensorCount: 2n ** 64n - 1n }),
  ),
  'a tensor count beyond the file': hostile(/tensor_count: is 1000000/, gguf({ tensorCount: 1_000_000 })),
  'a tensor count one too high': hostile(/metadata|tensor name|n_dimensions/, gguf({ tensorCount: 22 })),
  'a metadata count of 2^63': hostile(/metadata_kv_count/, gguf({ kvCount: 2n ** 63n })),
  'a metadata count beyond the file': hostile(/metadata_kv_count: is 9007199254740991/, gguf({ kvCount: 2 ** 53 - 1 })),
  'an empty key': hostile(/metadata key 8: is empty/, extra(entry('', type.u32, u32(1)))),
  'a key of 70,000 bytes': hostile(/metadata key 8: has 70000 bytes/, extra(count('k'.repeat(70_000), 1))),
  'a key of 2^63 bytes': hostile(/metadata key 8/, extra(Buffer.concat([u64(2n ** 63n), u32(4), u32(1)]))),
  'a key that is not UTF-8': hostile(
    /metadata key 8: is not valid UTF-8/,
    extra(Buffer.concat([u64(2), u8(0xff), u8(0xfe), u32(4), u32(1)])),
  ),
  'a key given twice': hostile(
    /general.architecture: is in the metadata twice/,
    extra(text('general.architecture', 'llama')),
  ),
  'a value of type 13': hostile(/k: has value type 13/, extra(entry('k', 13, u32(1)))),
  'a string past the end': hostile(/k: has 1099511627776 bytes/, extra(entry('k', type.string, u64(2 ** 40)))),
  'a string of 2^39 bytes in a file of a terabyte': hostile(
    /header: is longer than/,
    extra(entry('k', type.string, u64(2 ** 39))),
    2 ** 40,
  ),
  'a string that is not UTF-8': hostile(/k: is not valid UTF-8/, extra(entry('k', type.string, u64(1), u8(0x80)))),
  'a boolean of 2': hostile(/k: is 2, expected a boolean/, extra(entry('k', type.bool, u8(2)))),
  'an integer beyond 2^53': hostile(/k: is 18014398509481984, beyond/, extra(entry('k', type.u64, u64(2n ** 54n)))),
  'an array of arrays': hostile(
    /k: is an array of arrays/,
    extra(array('k', type.array, 1, u32(type.u8), u64(1), u8(0))),
  ),
  'an array of type 99': hostile(/k: has value type 99/, extra(array('k', 99, 1))),
  'an array of 2^60 numbers': hostile(/k \(length\)/, extra(array('k', type.f32, 2n ** 60n))),
  'an array of 2^50 bytes': hostile(/k \(length\): is 1125899906842624/, extra(array('k', type.u8, 2 ** 50))),
  'an array of 2^40 strings': hostile(/k \(length\): is 1099511627776/, extra(array('k', type.string, 2 ** 40))),
  'an array of 2^36 numbers in a file of a terabyte': hostile(
    /header: is longer/,
    extra(array('k', type.u32, 2 ** 36)),
    2 ** 40,
  ),
  'a million keys': hostile(
    /metadata_kv_count: is 1000000, expected at most 10000/,
    gguf({ kvCount: 1_000_000 }),
    2 ** 30,
  ),
  'a million tensors': hostile(
    /tensor_count: is 1000000, expected at most 20000/,
    gguf({ tensorCount: 1_000_000 }),
    2 ** 30,
  ),
  'four million strings': hostile(
    /k \(length\): is 4000000, expected at most 1048576/,
    extra(array('k', type.string, 4_000_000, Buffer.alloc(8 * 4_000_000))),
  ),
  'an alignment of 0': hostile(/general.alignment: is 0/, extra(count('general.alignment', 0))),
  'an alignment of 24': hostile(/general.alignment: is 24/, extra(count('general.alignment', 24))),
  'an alignment of 2^31': hostile(/general.alignment/, extra(count('general.alignment', 2 ** 31))),
  'an alignment of 2^21': hostile(
    /general.alignment: is 2097152 \(u32\), expected a power/,
    extra(count('general.alignment', 2 ** 21)),
  ),
  'an alignment of 64 bits': hostile(
    /general.alignment: is 32 \(u64\)/,
    extra(entry('general.alignment', type.u64, u64(32))),
  ),
  'an alignment that is text': hostile(/general.alignment: is 32 \(string\)/, extra(text('general.alignment', '32'))),
  'a tensor without a name': hostile(/tensor name 0: is empty/, first({ name: '' })),
  'a tensor without dimensions': hostile(/"token_embd.weight": n_dimensions: is 0/, first({ dims: [] })),
  'a tensor of five dimensions': hostile(/n_dimensions: is 5/, first({ dims: [1, 1, 1, 1, 1] })),
  'a tensor of 2^32 - 1 dimensions': hostile(/n_dimensions: is 4294967295/, first({ dimensions: 2 ** 32 - 1 })),
  'a dimension of 0': hostile(/"token_embd.weight": dimension 1: is 0/, first({ dims: [32, 0] })),
  'a dimension of 2^63': hostile(/dimension 0: is 9223372036854775808/, first({ dims: [2n ** 63n, 1] })),
  'dimensions whose product overflows 2^53': hostile(/more than 2\^53 bytes/, first({ dims: [2 ** 32, 2 ** 32] })),
  'dimensions whose product wraps to a small number': hostile(
    /more than 2\^53/,
    first({ dims: [2 ** 40, 2 ** 24, 64] }),
  ),
  'a tensor type of 255': hostile(/token_embd.weight": type: is 255/, first({ type: 255 })),
  'a removed tensor type (Q4_2)': hostile(
    /type: is Q4_2, which llama.cpp has retired; get the Q4_0 file/,
    first({ type: 4 }),
  ),
  'a retired tensor type (Q4_0_4_4)': hostile(
    /type: is Q4_0_4_4, which llama.cpp has retired; get the Q4_0 file/,
    first({ type: 31 }),
  ),
  'a retired tensor type (IQ4_NL_4_4)': hostile(
    /type: is IQ4_NL_4_4, which llama.cpp has retired; get the IQ4_NL file/,
    first({ type: 36 }),
  ),
  'a tensor type that is not read': hostile(/type: is IQ2_XXS, expected one of F64, F32/, first({ type: 16 })),
  'a new tensor type that is not read': hostile(/type: is NVFP4, expected one of F64, F32/, first({ type: 40 })),
  'rows that no block divides': hostile(/rows of 48, expected a multiple of 32/, first({ type: 8, dims: [48, 32] })),
  'an offset off the alignment': hostile(/offset: is 4, expected a multiple of 32/, first({ offset: 4 })),
  'an offset past the end': hostile(/would be at bytes/, first({ offset: 2 ** 40 })),
  'an offset of 2^53': hostile(/offset: is 9007199254740992/, first({ offset: 2n ** 53n })),
  'two tensors over the same bytes': hostile(
    /overlaps the tensor before it/,
    gguf({ tensors: withTensor('blk.0.attn_norm.weight', { offset: 0 }) }),
  ),
  'a tensor whose name takes a page to show': hostile(
    /^model.gguf: tensor "x{300,400}…: n_dimensions: is 0, expected 1 to 4$/,
    first({ name: 'x'.repeat(60_000), dims: [] }),
  ),
  'two tensors of one name': hostile(
    /given to two tensors/,
    gguf({ tensors: withTensor('blk.0.attn_norm.weight', { name: embedding }) }),
  ),
  'data cut short': hostile(/tensor "output.weight": offset: would be/, gguf({ cut: 32 })),
  'no architecture': hostile(/general.architecture: is missing/, meta({ 'general.architecture': undefined })),
  'another architecture': hostile(
    /is "gpt2", expected "llama"/,
    meta({ 'general.architecture': text('general.architecture', 'gpt2') }),
  ),
  'no number of layers': hostile(/llama.block_count: is missing/, meta({ 'llama.block_count': undefined })),
  'a number of layers that is text': hostile(
    /llama.block_count: is of type string/,
    meta({ 'llama.block_count': text('llama.block_count', '2') }),
  ),
  'four billion layers': hostile(
    /n_layers: is 4294967295/,
    meta({ 'llama.block_count': count('llama.block_count', 2 ** 32 - 1) }),
  ),
  'no heads': hostile(/n_heads: is 0/, meta({ 'llama.attention.head_count': count('llama.attention.head_count', 0) })),
  'heads that do not divide': hostile(
    /n_heads: is 5/,
    meta({ 'llama.attention.head_count': count('llama.attention.head_count', 5) }),
  ),
  'an epsilon of NaN': hostile(
    /norm_eps: is NaN/,
    meta({
      'llama.attention.layer_norm_rms_epsilon': entry(
        'llama.attention.layer_norm_rms_epsilon',
        type.f32,
        f32(Number.NaN),
      ),
    }),
  ),
  'heads of another size for rotary angles': hostile(
    /llama.rope.dimension_count: is 4/,
    extra(count('llama.rope.dimension_count', 4)),
  ),
  'one part of three': hostile(
    /split.count: is 3, but 1 of the parts were given/,
    extra(entry('split.count', 2, Buffer.of(3, 0))),
  ),
  'eight experts': hostile(/llama.expert_count: is 8/, extra(count('llama.expert_count', 8))),
  'rope scaling of another kind': hostile(
    /scaling.type: is "longrope", expected linear or yarn/,
    extra(text('llama.rope.scaling.type', 'longrope')),
  ),
  'a scaling factor of 0': hostile(
    /rope_scaling.factor: is 0/,
    extra(text('llama.rope.scaling.type', 'linear'), entry('llama.rope.scaling.factor', type.f32, f32(0))),
  ),
  'a vocabulary and no model': hostile(/token_embd.weight": is missing/, gguf({ tensors: [] })),
  'a missing tensor': hostile(
    /"blk.1.ffn_up.weight": is missing/,
    gguf({ tensors: modelTensors().filter(({ name }) => name !== 'blk.1.ffn_up.weight') }),
  ),
  'a tensor of another shape': hostile(
    /"output_norm.weight": has shape \[16\], expected \[32\]/,
    gguf({ tensors: withTensor('output_norm.weight', { dims: [16] }) }),
  ),
  'a bias': hostile(
    /"blk.0.attn_k.bias": is a bias/,
    gguf({
      tensors: [
        ...modelTensors(),
        { name: 'blk.0.attn_k.bias', dims: [32], offset: modelTensors().at(-1)?.offset ?? 0 },
      ].filter(({ name }) => name !== 'output.weight'),
    }),
  ),
  'rope frequencies as a tensor': hostile(
    /"rope_freqs.weight": has shape \[48,32\], expected \[4\]/,
    gguf({ tensors: withTensor('output.weight', { name: 'rope_freqs.weight' }) }),
  ),
  'fewer scores than pieces': hostile(
    /scores: has 1 items, expected 2/,
    extra(spm, tokens, array('tokenizer.ggml.scores', type.f32, 1, f32(0))),
  ),
  'a BOS just beyond the pieces': hostile(
    /bos_token_id: is 2, expected an id below 2/,
    extra(spm, tokens, count('tokenizer.ggml.bos_token_id', 2)),
  ),
  'a BOS of -2': hostile(
    /bos_token_id: is -2, expected an id below 2/,
    extra(spm, tokens, entry('tokenizer.ggml.bos_token_id', type.i32, u32(2 ** 32 - 2))),
  ),
  'a BOS of a half': hostile(
    /bos_token_id: is 0.5, expected an id below 2/,
    extra(spm, tokens, entry('tokenizer.ggml.bos_token_id', type.f32, f32(0.5))),
  ),
  'pieces that are numbers': hostile(
    /tokens: is of type array, expected an array of strings/,
    extra(spm, array('tokenizer.ggml.tokens', type.u8, 1, u8(1))),
  ),
})
