import { readdir, realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Checkpoint, OutputFile } from '@cria/checkpoint'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { type EncodableDType, encodableDTypes } from '@cria/dtypes'
import type { LlamaWeights } from '@cria/llama'
import { writeGgufVocabulary } from '@cria/tokenizer'
import { type Command, Option } from 'commander'
import { positiveNumber } from '../arguments'
import { openCheckpoint } from '../checkpoint'
import { UsageError } from '../errors'
import { formatBytes, progressBar } from '../progress'
import { tokenizerFile, tokenizerOf } from '../vocabulary'

/** A format that models are written in. */
interface Format {
  /** The types that its weights can have. */
  readonly weights: readonly EncodableDType[]
  files(model: LlamaWeights, weights: EncodableDType, signal: AbortSignal): Promise<OutputFile[]>
}

const gguf: Format = {
  weights: encodableDTypes,
  async files(model, dtype, signal) {
    const { writeGguf } = await import('@cria/llama')
    if (model.vocabulary?.kind === 'gguf') return [writeGguf(model, { dtype })]
    const tokenizer = await tokenizerOf(model, signal)
    if (tokenizer) return [writeGguf(model, { dtype, vocabulary: writeGgufVocabulary(tokenizer) })]
    throw new UsageError(
      `${model.name} has no tokenizer in it or beside it, and a GGUF holds one: add --tokenizer PATH`,
    )
  },
}

const huggingfaceTypes = ['f32', 'f16', 'bf16'] as const

const huggingface: Format = {
  weights: huggingfaceTypes,
  async files(model, weights, signal) {
    const { writeHuggingFace } = await import('@cria/llama')
    const files = writeHuggingFace(model, { dtype: huggingfaceTypes.find(type => type === weights) })
    if (model.vocabulary?.kind !== 'gguf') return files
    const tokenizer = await tokenizerOf(model, signal)
    return tokenizer ? [...files, tokenizerFile(tokenizer)] : files
  },
}

const llama2c: Format = {
  weights: ['f32'],
  async files(model) {
    const { writeLlama2c } = await import('@cria/llama')
    return [writeLlama2c(model)]
  },
}

const formats = { gguf, huggingface, llama2c } as const

interface Flags {
  readonly format?: keyof typeof formats
  readonly weights?: EncodableDType
  readonly tokenizer?: string
  readonly kvHeads?: number
}

/** `cria convert`: a model in another format, or with weights of another type. */
export const addConvert = (program: Command, signal: AbortSignal): void => {
  program
    .command('convert')
    .description('write a model in another format, or with weights of another type')
    .argument('<in>', 'a folder, a GGUF, safetensors or llama2.c file, or a URL')
    .argument('<out>', 'a path ending in .gguf or .bin (llama2.c), or a folder (Hugging Face)')
    .addOption(new Option('--format <name>', 'default: by the extension of <out>').choices(Object.keys(formats)))
    .addOption(new Option('--weights <type>', 'default: the most common stored type, or f32').choices(encodableDTypes))
    .option('--tokenizer <path>', 'tokenizer of a model that has none in it or beside it')
    .option('--kv-heads <n>', 'pool the key and value heads into n groups by their means (MHA to GQA)', positiveNumber)
    .action((input: string, output: string, flags: Flags) => convert(input, output, flags, signal))
}

const convert = async (input: string, output: string, flags: Flags, signal: AbortSignal): Promise<void> => {
  const name = flags.format ?? formatOf(output)
  const format = formats[name]
  if (flags.weights && !format.weights.includes(flags.weights)) {
    throw new UsageError(
      `${name} files hold no ${flags.weights} weights: give --weights ${format.weights.join(' or ')}`,
    )
  }
  if (flags.tokenizer && name === 'llama2c') {
    throw new UsageError('llama2c files hold no tokenizer: leave --tokenizer out')
  }
  const checkpoint = await openCheckpoint(input, signal)
  const bar = progressBar('converting')
  try {
    if ((await placeOf(checkpoint.name)) === (await placeOf(output)))
      throw new UsageError(`${output} is the model itself: give another place for the result`)
    const model = await modelOf(checkpoint, flags, signal)
    const weights = flags.weights ?? storedType(model, format.weights)
    const files = await format.files(model, weights, signal)
    if (name === 'huggingface') await refuseOtherModel(output, files)
    const options = { signal, onProgress: bar.update }
    if (name === 'huggingface') await saveFiles(output, files, options)
    else await saveFile(output, files[0], options)
    bar.stop()
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    console.error(`${output}: ${name}, ${weights}, ${formatBytes(bytes)}`)
  } finally {
    bar.stop()
    await checkpoint.close()
  }
}

/** The model with the tokenizer and the key and value heads that the flags ask for. */
const modelOf = async (checkpoint: Checkpoint, flags: Flags, signal: AbortSignal): Promise<LlamaWeights> => {
  const { openLlama, poolKvHeads } = await import('@cria/llama')
  const { readTokenizerFile } = await import('cria')
  const opened = await openLlama(checkpoint)
  const { tokenizer, kvHeads } = flags
  const model = tokenizer ? { ...opened, vocabulary: await readTokenizerFile(tokenizer, { signal }) } : opened
  return kvHeads ? poolKvHeads(model, kvHeads) : model
}

/** The real path, if there is a file. */
const placeOf = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))

/** Old weights in the output folder could be read as part of the new model. @throws UsageError */
const refuseOtherModel = async (folder: string, files: readonly OutputFile[]): Promise<void> => {
  const there = await readdir(folder).catch(() => [])
  const other = there.find(
    name => /\.safetensors(\.index\.json)?$/.test(name) && !files.some(file => file.name === name),
  )
  if (other) throw new UsageError(`${folder} has ${other} of another model: give an empty folder`)
}

const formatOf = (output: string): keyof typeof formats => {
  if (output.endsWith('.gguf')) return 'gguf'
  if (output.endsWith('.bin')) return 'llama2c'
  return 'huggingface'
}

/** The type in which most of the weights are stored, if the format has it, or f32. */
const storedType = ({ tensors }: LlamaWeights, possible: readonly EncodableDType[]): EncodableDType => {
  const bytes = new Map<string, number>()
  for (const { dtype, byteLength } of tensors.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength)
  const [most] = [...bytes].sort(([, a], [, b]) => b - a)[0]
  return possible.find(type => type === most) ?? 'f32'
}
