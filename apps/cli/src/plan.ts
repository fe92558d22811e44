import { encodableDTypes } from '@cria/dtypes'
import { type Command, Option } from 'commander'
import type { DeviceName, LlamaConfig, LoadOptions } from 'cria'
import { number, positiveNumber, share, wholeNumber } from './arguments'
import { UsageError } from './errors'
import { formatBytes } from './progress'
import { table } from './table'

/** How a step of decoding is planned, and what is known of the machine that would run it. */
export interface PlanFlags {
  readonly device?: DeviceName
  readonly weights?: NonNullable<LoadOptions['weights']>
  readonly bindings?: number
  readonly position?: number
  readonly bandwidth?: number
  readonly dispatch?: number
  readonly efficiency?: number
}

/** Flags that need another flag. */
const needs: readonly (readonly [keyof PlanFlags, keyof PlanFlags])[] = [
  ['dispatch', 'bandwidth'],
  ['efficiency', 'bandwidth'],
]

/** Flags for the plan of `webgpu` alone. */
const ofWebGpu: readonly (keyof PlanFlags)[] = ['weights', 'bindings']

/** The share of a GPU's bandwidth that decoding reaches, and the cost of a dispatch in µs: middling values of what is published. */
const EFFICIENCY = 0.7
const DISPATCH_MICROSECONDS = 5

export const addPlanOptions = (command: Command): Command =>
  command
    .option(
      '--device <name>',
      'with --plan: the device that would run them; webgpu is planned without a GPU (default: the generic kernels)',
    )
    .addOption(new Option('--weights <type>', 'with --device webgpu: the type of matrices').choices(encodableDTypes))
    .option('--bindings <MiB>', 'with --device webgpu: what the adapter binds at most; 128', positiveNumber)
    .option('--position <n>', 'with --plan: tokens before the one that is decoded; 0', wholeNumber)
    .option('--bandwidth <GB/s>', 'with --plan: predict the time of the step for memory of this speed', number)
    .option('--dispatch <µs>', `with --bandwidth: the cost of a dispatch; ${DISPATCH_MICROSECONDS}`, number)
    .option('--efficiency <share>', `with --bandwidth: the share of it that is reached; ${EFFICIENCY}`, share)

/** @throws UsageError for flags that would be ignored */
export const checkPlanFlags = (plan: true | undefined, flags: PlanFlags): void => {
  for (const flag of Object.keys(flags))
    if (!plan) throw new UsageError(`--${flag} is for --plan: add --plan, or leave it out`)
  for (const [flag, other] of needs)
    if (flags[flag] !== undefined && flags[other] === undefined)
      throw new UsageError(`--${flag} is for --${other}: add --${other}, or leave it out`)
  for (const flag of ofWebGpu)
    if (flags[flag] !== undefined && flags.device !== 'webgpu')
      throw new UsageError(`--${flag} is for --device webgpu: add that, or leave it out`)
  const { bandwidth, dispatch } = flags
  if (bandwidth !== undefined && bandwidth <= 0)
    throw new UsageError(`--bandwidth is ${bandwidth}, expected GB/s above 0`)
  if (dispatch !== undefined && dispatch < 0)
    throw new UsageError(`--dispatch is ${dispatch}, expected µs of at least 0`)
}

/** The dispatches of one step of decoding, what they cost, and how long that would take. */
export const planTable = async (config: LlamaConfig, flags: PlanFlags): Promise<string> => {
  const { device: name = 'shape', weights, bindings, position } = flags
  const { openDevice, planDecode } = await import('cria')
  await using device = await (name === 'webgpu'
    ? openDevice('shape', { plan: { device: 'webgpu', bindingBytes: bindings && bindings * 2 ** 20 } })
    : openDevice(name))
  const { dispatches, cost } = await planDecode(config, device, position, weights)
  const rows = dispatches.map(({ op, kernel, output }, i) => [String(i + 1), op, kernel, output.join(' × ')])
  const total = `${dispatches.length} dispatches on ${name}: ${cost.flops.toLocaleString('en-US')} operations, ${formatBytes(cost.bytes)} read and written`
  const lines = [total, ...prediction(cost.bytes, dispatches.length, flags)]
  return `${table([['STEP', 'OP', 'KERNEL', 'OUTPUT'], ...rows])}${lines.join('\n')}\n`
}

/** A step reads its bytes at a share of the bandwidth, and each dispatch costs a fixed time. */
const prediction = (
  bytes: number,
  dispatches: number,
  { bandwidth, dispatch = DISPATCH_MICROSECONDS, efficiency = EFFICIENCY }: PlanFlags,
): string[] => {
  if (bandwidth === undefined) return []
  const memory = bytes / (efficiency * bandwidth * 1e6)
  const issue = (dispatches * dispatch) / 1000
  const total = memory + issue
  return [
    `predicted: ${total.toFixed(2)} ms a step, ${(1000 / total).toFixed(1)} tokens a second`,
    `  memory ${memory.toFixed(2)} ms, at ${efficiency} of ${bandwidth} GB/s; dispatches ${issue.toFixed(2)} ms, at ${dispatch} µs each`,
  ]
}
