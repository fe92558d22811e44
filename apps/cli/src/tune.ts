import { encodableDTypes } from '@cria/dtypes'
import { type Command, Option } from 'commander'
import type { LlamaConfig, LoadOptions, TunedChoice } from 'cria'
import { openCheckpoint } from './checkpoint'
import { UsageError } from './errors'
import { table } from './table'

export interface TuneFlags {
  readonly tune?: string
  readonly weights?: NonNullable<LoadOptions['weights']>
}

/** The type of a published size's matrices unless another is named. */
const PUBLISHED = 'f16'

export const addTuneOptions = (command: Command): Command =>
  command
    .option(
      '--tune <model>',
      'measure the variants of webgpu for a model (a path, a URL, or a published size such as llama2-7b), and say which were chosen and why',
    )
    .addOption(
      new Option('--weights <type>', `with --tune and a published size: the type of matrices; ${PUBLISHED}`).choices(
        encodableDTypes,
      ),
    )

/** @throws UsageError for a flag that would be ignored */
export const checkTuneFlags = ({ tune, weights }: TuneFlags): void => {
  if (weights !== undefined && tune === undefined)
    throw new UsageError('--weights is for --tune: add --tune MODEL, or leave it out')
}

/** Has `webgpu` measure its variants for a model, also on a software adapter, and says what came of it. */
export const tuneTable = async (model: string, weights: TuneFlags['weights'], signal: AbortSignal): Promise<string> => {
  const { openDevice, tuneFor } = await import('cria')
  const { config, types } = await described(model, weights, signal)
  await using device = await openDevice('webgpu', { tune: 'on' })
  const { choices = [], open = [], place = '' } = (await tuneFor(device, config, types)) ?? {}
  const rows = choices.map(choice => [choice.call, choice.chosen, reasonOf(choice), choice.kept ? 'earlier' : 'now'])
  const lines = [
    `${model} on webgpu: ${device.description}`,
    ...(device.software ? ['This is a software adapter: its times say nothing about a GPU.'] : []),
    `What is measured is kept in ${place}`,
    '',
    table([['CALL', 'CHOSEN', 'WHY', 'MEASURED'], ...rows]).trimEnd(),
    ...(open.length === 0
      ? []
      : ['', `${open.length} left for another time, with their defaults:`, ...open.map(call => `  ${call}`)]),
  ]
  return `${lines.join('\n')}\n`
}

/** The config of a model and the types of its tensors. */
const described = async (model: string, weights: TuneFlags['weights'], signal: AbortSignal) => {
  const { publishedSizes } = await import('cria')
  if (Object.hasOwn(publishedSizes, model)) {
    const config: LlamaConfig = publishedSizes[model]
    return { config, types: weights ?? PUBLISHED } as const
  }
  if (weights !== undefined)
    throw new UsageError(`--weights is for a published size, and ${model} has types of its own: leave it out`)
  const { openLlama } = await import('@cria/llama')
  const checkpoint = await openCheckpoint(model, signal)
  try {
    const { config, tensors } = await openLlama(checkpoint)
    return { config, types: { tensors } } as const
  } finally {
    await checkpoint.close()
  }
}

const shown = (microseconds: number): string => `${microseconds.toPrecision(3)} µs`

/** Why an implementation was chosen: its time beside the default's, or that of the best other. */
export const reasonOf = ({ chosen, standard, microseconds, wrong }: TunedChoice): string => {
  const excluded = wrong.length === 0 ? '' : `; other values from ${wrong.join(', ')}, which cannot be chosen`
  const share = (name: string) => `${((100 * microseconds[name]) / microseconds[standard]).toFixed(0)}%`
  if (chosen !== standard)
    return `${shown(microseconds[chosen])}, ${share(chosen)} of the ${shown(microseconds[standard])} of "${standard}"${excluded}`
  const others = Object.keys(microseconds).filter(name => name !== standard)
  if (others.length === 0) return `the only one that is right${excluded}`
  const best = others.reduce((a, b) => (microseconds[b] < microseconds[a] ? b : a))
  return `${shown(microseconds[standard])}; the best other, "${best}", takes ${share(best)} of that, and 95% would do${excluded}`
}
