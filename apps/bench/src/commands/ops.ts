import { ops as allOps, type Cost, type DeviceName, deviceNames, listDevices, openDevice } from '@cria/tensor'
import type { Command } from 'commander'
import { collect } from '../arguments'
import type { CeilingSample } from '../ceilings/measure'
import { UsageError } from '../errors'
import { checkHardware } from '../gpu/device'
import type { Contender } from '../hosts/contender'
import { inProcess } from '../hosts/process'
import { titleOf } from '../ops/case'
import { opCases } from '../ops/cases'
import { costOf } from '../ops/cost'
import { opsReport } from '../ops/report'
import { resultOf } from '../ops/result'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { addThreadOptions, type ThreadFlags, tellRound, withContenders } from './shared'

interface Flags extends ThreadFlags {
  readonly software?: true
  readonly subgroupMatrices?: true
  readonly device?: readonly DeviceName[]
  readonly op?: readonly string[]
}

/** `bench ops`: every op on every device, against its cost model and the limits of the machine. */
export const addOps = (program: Command): void => {
  const command = program
    .command('ops')
    .description('time each op on each device here against its cost')
    .option('--device <name>', 'a device (may be given more than once); default: all that run here', collect)
    .option('--op <name>', 'an op (may be given more than once); default: all', collect)
    .option('--software', 'run webgpu on a software adapter too, whose times say nothing of a GPU')
    .option('--subgroup-matrices', "of webgpu: the GPU's units for matrices too, by an extension of WGSL")
  addThreadOptions(command, 3).action(timeOps)
}

/** Bytes that most ops here read, as if from a cache of the processor: the weight of a linear layer in f32. */
const WORKING_SET = 2048 * 768 * 4

const timeOps = async ({
  device,
  op = [],
  software,
  subgroupMatrices,
  rounds,
  threads,
  ...outputs
}: Flags): Promise<void> => {
  // A reshaped tensor is the same memory: nothing is timed.
  const known = allOps.filter(({ alias }) => !alias).map(({ name }) => name)
  for (const name of op) if (!known.includes(name)) throw new UsageError(`--op ${name}: there are ${known.join(', ')}`)
  for (const name of device ?? [])
    if (!deviceNames.includes(name)) throw new UsageError(`--device ${name}: there are ${deviceNames.join(', ')}`)
  if (software && device && !device.includes('webgpu'))
    throw new UsageError('--software is for --device webgpu: add that, or leave it out')
  if (subgroupMatrices && !device?.includes('webgpu'))
    throw new UsageError('--subgroup-matrices is for --device webgpu: add that, or leave it out')
  if (device?.includes('webgpu')) await checkHardware(software)
  const devices = device ?? (await runningDevices(software === true))
  const costs = await costsOf()
  const limits = () => inProcess('ceilings', 'ceilings', { threads, bytes: WORKING_SET })
  const starts = devices.map(name => () => {
    const options = { device: name, threads, ops: op }
    return inProcess(name, 'ops', name === 'webgpu' ? { ...options, subgroupMatrices } : options)
  })
  const found = await withContenders([limits, ...starts], async ([ceilings, ...contenders]) => {
    const [ceilingSamples, ...samples] = await interleave([ceilings, ...contenders], rounds, tellRound(rounds))
    return contenders.map(({ name, description }: Contender, i) =>
      resultOf(name, description, samples[i], ceilingSamples as CeilingSample[], costs),
    )
  })
  await deliver(reportOf(opsReport(found)), outputs)
}

/** All that compute here; `webgpu` on a software adapter only if asked to. */
const runningDevices = async (withSoftware: boolean): Promise<DeviceName[]> =>
  (await listDevices())
    .filter(({ name, available }) => available && name !== 'shape')
    .filter(({ name, software }) => name !== 'webgpu' || !software || withSoftware)
    .map(({ name }) => name)

const costsOf = async (): Promise<ReadonlyMap<string, Cost>> => {
  await using shapes = await openDevice('shape')
  return new Map(opCases(shapes.weightTypes).map(one => [titleOf(one), costOf(one, shapes)]))
}
