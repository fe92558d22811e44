import {
  type GgufEntry,
  jsonFile,
  memorySource,
  type OutputFile,
  type OutputTensor,
  outputBytes,
  writeGgufFile,
  writeSafetensors,
} from '../src/index'

/** A tensor of four numbers that tell it apart. */
export const tensor = (name: string, first: number): OutputTensor => ({
  ...{ name, dtype: 'f32', shape: [2, 2] },
  bytes: async () => new Uint8Array(Float32Array.of(first, 1, 2, 3).buffer),
})

const text = (key: string, value: string): GgufEntry => [key, { type: 'string', value }]

/** The metadata of a GGUF file with a tokenizer of three pieces. */
export const entries: readonly GgufEntry[] = [
  text('general.architecture', 'none'),
  text('tokenizer.ggml.model', 'llama'),
  ['tokenizer.ggml.tokens', { type: 'array', items: 'string', value: ['<unk>', '<s>', '</s>'] }],
]

/** A small GGUF file of no architecture. */
export const gguf = (name = 'model.gguf', more: readonly GgufEntry[] = [], tensors = [tensor('a', 7)]): OutputFile =>
  writeGgufFile(name, [...entries, ...more], tensors)

/** The parts of a split GGUF file: the first has the metadata, each has one tensor. */
export const parts = (count: number): OutputFile[] =>
  Array.from({ length: count }, (_, i) => {
    const split: GgufEntry[] = [
      ['split.no', { type: 'u16', value: i }],
      ['split.count', { type: 'u16', value: count }],
    ]
    const digits = (n: number) => String(n).padStart(5, '0')
    const name = `m-${digits(i + 1)}-of-${digits(count)}.gguf`
    return writeGgufFile(name, [...(i === 0 ? entries : []), ...split], [tensor(`t${i}`, i)])
  })

/** A Hugging Face folder of no architecture, with files beside the weights. */
export const folder = (beside: Readonly<Record<string, unknown>> = {}): OutputFile[] => [
  jsonFile('config.json', { model_type: 'none' }),
  writeSafetensors('model.safetensors', [tensor('a', 7)]),
  ...Object.entries(beside).map(([name, json]) => jsonFile(name, json)),
]

export const sourceOf = async (file: OutputFile) => memorySource(await outputBytes(file), file.name)

export const sourcesOf = (files: readonly OutputFile[]) => Promise.all(files.map(sourceOf))

/** Files as a server or a disk has them. */
export const bytesByName = async (files: readonly OutputFile[]): Promise<Map<string, Uint8Array>> =>
  new Map(await Promise.all(files.map(async file => [file.name, await outputBytes(file)] as const)))
