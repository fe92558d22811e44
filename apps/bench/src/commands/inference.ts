import { resolve } from 'node:path'
import { type Checkpoint, storageDType, type WeightDType, weightDTypes } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DeviceName } from 'cria'
import { collect, type ModelArgument, model, nodePath, positiveNumber } from '../arguments'
import type { CeilingSample } from '../ceilings/measure'
import { UsageError } from '../errors'
import { type Entries, entriesOf } from '../inference/contenders'
import { bytesPerToken, prefillFlops } from '../inference/cost'
import { inferenceReport } from '../inference/report'
import { type Run, resultsOf, type Workload } from '../inference/result'
import type { StreamSample } from '../inference/stream'
import { type Engine, engineNames, requirePeer } from '../peers'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { syntheticModel } from '../synthetic/file'
import { syntheticSizes } from '../synthetic/sizes'
import {
  addRoundOptions,
  addThreadOption,
  type RoundFlags,
  type ThreadFlags,
  tell,
  tellRound,
  withContenders,
} from './shared'

interface Flags extends RoundFlags, ThreadFlags {
  readonly model: ModelArgument
  readonly weights?: WeightDType
  readonly device: DeviceName | 'auto'
  readonly prompt: number
  readonly tokens: number
  readonly peer?: readonly Engine[]
  readonly node?: string
}

/** `bench inference`: tokens a second, beside peers and beside what the machine can do at most. */
export const addInference = (program: Command): void => {
  const command = program
    .command('inference')
    .description('time prefill and decode of a model, beside peers and the limits of the machine')
    .requiredOption(
      '--model <model>',
      `synth:${Object.keys(syntheticSizes).join(', synth:')} (random weights), or a path`,
      model,
    )
    .addOption(new Option('--weights <type>', 'default: q8_0 of synth:, as stored of a file').choices(weightDTypes))
    .option('--device <name>', 'where Cria runs; `cria devices` lists them', 'auto')
    .option('--prompt <n>', 'tokens of the prompt', positiveNumber, 128)
    .option('--tokens <n>', 'tokens to decode after the first', positiveNumber, 64)
    .addOption(new Option('--peer <name>', 'a program to compare with (may be given more than once)').argParser(peers))
    .option('--node <path or version>', 'the Node that runs Cria in place of this one; a version comes from npm')
  addRoundOptions(addThreadOption(command), 5).action(inference)
}

const peers = (text: string, before?: readonly string[]): string[] => {
  if (!(engineNames as readonly string[]).includes(text))
    throw new InvalidArgumentError(`There are ${engineNames.join(' and ')}.`)
  return collect(text, before)
}

const inference = async (flags: Flags): Promise<void> => {
  const { device, threads, prompt, tokens, rounds, peer = [] } = flags
  peer.forEach(requirePeer)
  const node = await nodePath(flags.node)
  const { path, weights, config } = await prepareModel(flags, peer.length > 0)
  if (prompt + tokens > config.max_seq_len)
    throw new UsageError(
      `--prompt and --tokens make ${prompt + tokens}, and the model's context is ${config.max_seq_len}`,
    )
  const work: Workload = {
    model: nameOf(flags.model),
    weights,
    prompt,
    tokens,
    bytesPerToken: bytesPerToken(config, weights),
    prefillFlops: await prefillFlops(config, prompt),
  }
  const options = { ...work, model: path, vocabSize: config.vocab_size, device, threads, peers: peer, node }
  const { runs, ceilings } = await timeAll(entriesOf(options), rounds)
  await deliver(reportOf(inferenceReport({ work, ...resultsOf(runs, work), ceilings })), flags)
}

const timeAll = ({ contenders, ceilings }: Entries, rounds: number) => {
  const entries = [...ceilings, ...contenders]
  return withContenders(
    entries.map(({ start }) => start),
    async started => {
      const all = await interleave(started, rounds, tellRound(rounds))
      const samplesOf = (name: string) => all[entries.findIndex(entry => entry.name === name)]
      const runs = contenders.map(async ({ name, ceilings, against }, i): Promise<Run> => {
        const { description, peakBytes } = started[entries.indexOf(contenders[i])]
        const samples = samplesOf(name) as StreamSample[]
        const limits = samplesOf(ceilings) as CeilingSample[]
        return { name, description, peakBytes: await peakBytes(), samples, ceilings: limits, against }
      })
      return {
        runs: await Promise.all(runs),
        ceilings: ceilings.map(({ name }, i) => ({
          name,
          description: started[i].description,
          samples: all[i] as CeilingSample[],
        })),
      }
    },
  )
}

const nameOf = (model: ModelArgument): string => (model.kind === 'synthetic' ? `synth:${model.size}` : model.path)

/** The file that all contenders load, and how its matrices are held. */
const prepareModel = async ({ model, weights }: Flags, hasPeers: boolean) => {
  if (model.kind === 'synthetic') tell(`synth:${model.size}: writing it, unless that has been done`)
  const path = model.kind === 'synthetic' ? await syntheticModel(model.size, weights ?? 'q8_0') : resolve(model.path)
  const checkpoint = await openPath(path)
  try {
    const stored = storedWeights(checkpoint)
    if (hasPeers && (!path.endsWith('.gguf') || (weights && weights !== stored)))
      throw new UsageError(
        `peers load GGUF files as they are, and ${path} is ${stored} in ${checkpoint.format}: convert it first (\`cria convert\`)`,
      )
    return { path, weights: weights ?? stored, config: checkpoint.config }
  } finally {
    await checkpoint.close()
  }
}

/** The one type of all matrices of a checkpoint. @throws UsageError where they differ, or no device holds it */
const storedWeights = ({ name, tensors }: Checkpoint): WeightDType => {
  const matrices = [...tensors.values()].filter(({ shape }) => shape.length > 1)
  const stored = weightDTypes.find(type => matrices.every(({ dtype, shape }) => dtype === storageDType(shape, type)))
  if (stored) return stored
  const types = [...new Set(matrices.map(({ dtype }) => dtype))].join(', ')
  throw new UsageError(
    `${name} holds ${types}: convert it to one of ${weightDTypes.join(', ')} first (\`cria convert\`)`,
  )
}
