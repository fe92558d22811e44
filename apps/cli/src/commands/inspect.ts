import type { Checkpoint, GenerationSettings } from '@cria/checkpoint'
import type { LlamaWeights } from '@cria/llama'
import type { Command } from 'commander'
import type { LlamaConfig, ModelDescription } from 'cria'
import { openCheckpoint } from '../checkpoint'
import { InputError } from '../errors'
import { addPlanOptions, checkPlanFlags, type PlanFlags, planTable } from '../plan'
import { formatBytes } from '../progress'
import { write } from '../standard-streams'
import { table } from '../table'

interface Flags extends PlanFlags {
  readonly plan?: true
}

/** `cria inspect`: the config, settings and tensors of a model, without loading it. */
export const addInspect = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('inspect')
    .description('show the config, tensors, parameters and cache of a model, or of a published size')
    .argument('<model>', 'a path or URL, or a name such as llama-7b or llama2-70b')
    .option('--plan', 'show the kernels of one decoding step too')
  addPlanOptions(command).action((model: string, flags: Flags) => inspect(model, flags, signal))
}

const inspect = async (model: string, { plan, ...flags }: Flags, signal: AbortSignal): Promise<void> => {
  checkPlanFlags(plan, flags)
  const { describeConfig, publishedSizes } = await import('cria')
  const published = Object.hasOwn(publishedSizes, model)
  const checkpoint = published ? undefined : await openModelFile(model, Object.keys(publishedSizes), signal)
  try {
    const weights = checkpoint && (await openWeights(checkpoint))
    const config = weights?.config ?? publishedSizes[model]
    const description = await describeConfig(config)
    await write(`${model}: ${checkpoint?.format ?? 'published size'}\n\n`)
    const stated = weights ? generationRows(weights.generation) : []
    await write(table([...configRows(config), ...stated, ...figureRows(description, weights)]))
    await write(`\n${table(tensorRows(description, weights))}`)
    if (plan) await write(`\n${await planTable(config, flags)}`)
  } finally {
    await checkpoint?.close()
  }
}

const openWeights = async (checkpoint: Checkpoint): Promise<LlamaWeights> => {
  const { openLlama } = await import('@cria/llama')
  return openLlama(checkpoint)
}

/** @throws InputError for a name that is neither a file nor a published size */
const openModelFile = async (path: string, sizes: readonly string[], signal: AbortSignal): Promise<Checkpoint> => {
  try {
    return await openCheckpoint(path, signal)
  } catch (error) {
    const isMissing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
    if (!isMissing) throw error
    throw new InputError(`${path} does not exist, and is not a published size: those are ${sizes.join(', ')}`)
  }
}

const configRows = (config: LlamaConfig): string[][] =>
  Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])

/** What the files say about generating text. */
const generationRows = ({ bosId, addBos, eosIds, sampling, chatTemplates }: GenerationSettings): string[][] => [
  ...(bosId === undefined ? [] : [['BOS', String(bosId)]]),
  ...(addBos === undefined ? [] : [['a prompt begins with BOS', addBos ? 'yes' : 'no']]),
  ...(eosIds.length === 0 ? [] : [['end tokens', eosIds.join(', ')]]),
  ...Object.entries(sampling).map(([name, value]) => [name, String(value)]),
  ...(chatTemplates.size === 0 ? [] : [['chat templates', [...chatTemplates.keys()].join(', ')]]),
]

const figureRows = (description: ModelDescription, weights: LlamaWeights | undefined): string[][] => {
  const { parameters, kvBytesPerToken, flopsPerToken } = description
  const stored = [...(weights?.tensors.values() ?? [])].reduce((sum, { byteLength }) => sum + byteLength, 0)
  return [
    ['parameters', count(parameters)],
    ...(weights ? [['weights as stored', formatBytes(stored)]] : []),
    ['KV cache a token', `${count(kvBytesPerToken.f16)} bytes in f16, ${count(kvBytesPerToken.f32)} in f32`],
    ['operations a token', `${count(flopsPerToken)} (decoding, half of the context seen)`],
  ]
}

/** Tensors that differ by their layer alone. */
interface Alike {
  readonly name: string
  readonly layers: number[]
  readonly shape: string
  readonly dtype: string | undefined
  bytes: number
}

/** One row for all layers whose tensors are alike: a model of 80 layers has 723 tensors. */
const tensorRows = ({ tensors }: ModelDescription, weights: LlamaWeights | undefined): string[][] => {
  const rows = new Map<string, Alike>()
  for (const { name, shape } of tensors) {
    const [, layer, rest] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? []
    const stored = weights?.tensors.get(name)
    const alike: Alike = { name: rest ?? name, layers: [], shape: shape.join(' × '), dtype: stored?.dtype, bytes: 0 }
    const key = [alike.name, alike.shape, alike.dtype].join()
    const row = rows.get(key) ?? alike
    rows.set(key, row)
    if (layer !== undefined) row.layers.push(Number(layer))
    row.bytes += stored?.byteLength ?? 0
  }
  return [
    ['TENSOR', 'LAYERS', 'SHAPE', ...(weights ? ['TYPE', 'SIZE OF ALL'] : [])],
    ...Array.from(rows.values(), ({ name, layers, shape, dtype, bytes }) => [
      ...[name, ranges(layers), shape],
      ...(dtype ? [dtype, formatBytes(bytes)] : []),
    ]),
  ]
}

/** Rising numbers, with runs as `0-3`. */
const ranges = (numbers: readonly number[]): string => {
  const runs: [first: number, last: number][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run?.[1] === number - 1) run[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ')
}

const count = (value: number): string => value.toLocaleString('en-US')
