import type { Command } from 'commander'
import type { DeviceName } from 'cria'
import { collect, collectNames, nodePath, positiveNumber } from '../arguments'
import type { CeilingSample } from '../ceilings/measure'
import { UsageError } from '../errors'
import { trainingScript } from '../folders'
import { inProcess } from '../hosts/process'
import { inPython } from '../hosts/python'
import { requirePeer, type TrainingPeer, trainerNames } from '../peers'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { type TrainingFinding, trainingFindings, trainingReport } from '../training/report'
import { type TrainingSizeName, trainingRows, trainingSizes } from '../training/sizes'
import { addThreadOptions, type ThreadFlags, tellRound, withContenders } from './shared'

interface Flags extends ThreadFlags {
  readonly size?: readonly string[]
  readonly device: DeviceName | 'auto'
  readonly rows: number
  readonly peer?: readonly TrainingPeer[]
  readonly compile?: true
  readonly python?: string
  readonly node?: string
}

const sizeNames = Object.keys(trainingSizes) as TrainingSizeName[]

/** `bench training`: whole training steps, beside other frameworks. */
export const addTraining = (program: Command): void => {
  const command = program
    .command('training')
    .description('time training steps of small models, beside other frameworks and the limits of the machine')
    .option('--size <name>', `${sizeNames.join(', ')} (may be given more than once); default: all`, collect)
    .option('--device <name>', 'where Cria trains; `cria devices` lists them', 'auto')
    .option('--rows <n>', 'rows of 256 tokens in a step', positiveNumber, 16)
    .option('--peer <name>', `${trainerNames.join(', ')} (may be given more than once)`, collectNames(trainerNames))
    .option('--compile', 'time compiled PyTorch too')
    .option('--python <path>', 'the Python that has torch (default: python3)')
    .option(
      '--node <path or version>',
      'the Node that runs Cria, tfjs and jax-js in place of this one; a version comes from npm',
    )
  addThreadOptions(command, 5).action(timeTraining)
}

const timeTraining = async (flags: Flags): Promise<void> => {
  const { size = sizeNames, device, rows, peer = [], compile, threads, rounds } = flags
  for (const name of size)
    if (!Object.hasOwn(trainingSizes, name)) throw new UsageError(`--size ${name}: there are ${sizeNames.join(', ')}`)
  for (const option of ['compile', 'python'] as const)
    if (flags[option] !== undefined && !peer.includes('pytorch'))
      throw new UsageError(`--${option} needs --peer pytorch`)
  for (const one of peer) if (one !== 'pytorch') requirePeer(one)
  const node = await nodePath(flags.node)
  const findings: TrainingFinding[] = []
  let tokens = 0
  for (const name of size as readonly TrainingSizeName[]) {
    const model = trainingSizes[name]
    tokens = rows * model.max_seq_len
    const pytorch = (compile: boolean) => () =>
      inPython(compile ? 'PyTorch, compiled' : 'PyTorch', {
        python: flags.python ?? 'python3',
        script: trainingScript,
        argument: { model, threads, compile, rows: trainingRows(model, rows) },
      })
    // The f32 ceiling does not depend on bytes; 8 MB lie in a cache of the processor.
    const ceilings = () => inProcess('ceilings', 'ceilings', { threads, bytes: 2 ** 23 }, { node })
    const cria = () => inProcess('Cria', 'training', { device, threads, size: model, rows }, { node })
    const peerStarts = peer.flatMap(one =>
      one === 'pytorch'
        ? [pytorch(false), ...(compile ? [pytorch(true)] : [])]
        : [() => inProcess(one, `training-${one}`, { threads, size: model, rows }, { node })],
    )
    await withContenders([ceilings, cria, ...peerStarts], async started => {
      const [limits, ...samples] = await interleave(started, rounds, tellRound(rounds))
      const runs = await Promise.all(
        started.slice(1).map(async ({ name, description, peakBytes }, i) => ({
          ...{ name, description, samples: samples[i] },
          peakBytes: await peakBytes(),
        })),
      )
      findings.push(...trainingFindings(name, runs, tokens, limits as CeilingSample[]))
    })
  }
  await deliver(reportOf(trainingReport(findings, tokens)), flags)
}
