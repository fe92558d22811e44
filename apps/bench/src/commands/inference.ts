import type { CacheType } from '@cria/attention-variants'
import { type Command, Option } from 'commander'
import type { DeviceName, Tune } from 'cria'
import { collectNames, type ModelArgument, model, nodePath, positiveNumber } from '../arguments'
import type { CeilingSample } from '../ceilings/measure'
import { UsageError } from '../errors'
import { checkHardware } from '../gpu/device'
import { likeliestOnCpu } from '../inference/agreement'
import { type ContenderOptions, type Entries, entriesOf } from '../inference/contenders'
import { cacheBytesPerPass, prefillFlops, weightBytesPerPass } from '../inference/cost'
import { firstTokenReport, firstTokenResults, freshly } from '../inference/first-token'
import { llamaCompletion, nativeProgram } from '../inference/llama-bench'
import { findMlc } from '../inference/mlc'
import { type PreparedModel, prepareModel } from '../inference/model'
import { findOnnx, type OnnxType, onnxTypes } from '../inference/onnx'
import { inferenceReport } from '../inference/report'
import { type Run, resultsOf, type Workload } from '../inference/result'
import type { StreamSample } from '../inference/stream'
import { type Engine, engineNames, inPages, requirePeer } from '../peers'
import { deliver, reportOf } from '../report/deliver'
import { quantity } from '../report/format'
import { interleave } from '../rounds'
import { syntheticSizes } from '../synthetic/sizes'
import { type SyntheticType, syntheticTypes } from '../synthetic/types'
import { addThreadOptions, type ThreadFlags, tell, tellRound, withContenders } from './shared'

interface Flags extends ThreadFlags {
  readonly model: ModelArgument
  readonly weights?: SyntheticType
  readonly cache?: CacheType
  readonly device: DeviceName | 'auto'
  readonly prompt?: number
  readonly tokens: number
  readonly depth?: number
  readonly batch: number
  readonly load?: true
  readonly peer?: readonly Engine[]
  readonly llamaBench?: string
  readonly onnx?: string
  readonly onnxType?: OnnxType
  readonly mlc?: string
  readonly node?: string
  readonly software?: true
  readonly tune?: Tune
}

const cacheTypes = ['f32', 'f16', 'q8_0'] as const satisfies readonly CacheType[]

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
    .addOption(
      new Option('--weights <type>', 'of synth: the type of its file (q8_0); of a path: how Cria holds it').choices(
        syntheticTypes,
      ),
    )
    .addOption(
      new Option('--cache <type>', "how Cria and llama-bench store keys and values; default: the device's").choices(
        cacheTypes,
      ),
    )
    .option('--device <name>', 'where Cria runs; `cria devices` lists them', 'auto')
    .option('--prompt <n>', 'tokens of the prompt (default: 128; with --load, 8)', positiveNumber)
    .option('--tokens <n>', 'tokens to decode', positiveNumber, 64)
    .option('--depth <n>', 'decode after n tokens (default: after the prompt)', positiveNumber)
    .option('--batch <n>', 'sequences that are decoded together', positiveNumber, 1)
    .option('--load', 'time from the start of a process to the first token instead')
    .option('--peer <name>', 'a program to compare with (may be given more than once)', collectNames(engineNames))
    .option('--llama-bench <path>', "llama.cpp's llama-bench, its other programs beside it (default: on the PATH)")
    .option('--onnx <folder>', 'of transformers.js: the same model as ONNX, in the layout of Hugging Face')
    .addOption(
      new Option('--onnx-type <type>', 'of --onnx: the type of its weights (default: the only one there)').choices(
        onnxTypes,
      ),
    )
    .option('--mlc <folder>', 'of web-llm: the same model as MLC compiles it, and its library (.wasm) for WebGPU')
    .option('--node <path or version>', 'the Node that runs Cria in place of this one; a version comes from npm')
    .addOption(
      new Option('--tune <when>', 'with --device webgpu: whether it measures its variants first').choices([
        'auto',
        'on',
        'off',
      ]),
    )
    .option('--software', 'with --device webgpu: run on a software adapter too, whose times say nothing of a GPU')
  addThreadOptions(command, 5).action(inference)
}

/** @throws UsageError for options that would be ignored, or that a peer does not know */
const checkFlags = (flags: Flags, command: Command): void => {
  const { peer = [], batch, depth, prompt = 128, load, llamaBench, onnx, onnxType, mlc, cache, device } = flags
  const isGiven = (option: string) => command.getOptionValueSource(option) === 'cli'
  const refuse = (problem: string): never => {
    throw new UsageError(problem)
  }
  const only = peer.find(one => one !== 'llama-bench')
  const [page] = inPages(peer)
  if (peer.includes('transformers.js') !== (onnx !== undefined))
    refuse('--peer transformers.js and --onnx need each other: it loads no GGUF')
  if (peer.includes('web-llm') !== (mlc !== undefined))
    refuse('--peer web-llm and --mlc need each other: it loads no GGUF')
  if (mlc !== undefined && device !== 'webgpu') refuse('--peer web-llm needs --device webgpu: it runs on nothing else')
  if (onnxType !== undefined && onnx === undefined) refuse('--onnx-type needs --onnx')
  if (llamaBench !== undefined && !peer.includes('llama-bench')) refuse('--llama-bench needs --peer llama-bench')
  if (only && batch > 1) refuse(`--batch ${batch}: ${only} decodes one sequence here; compare with llama-bench`)
  if (only && cache) refuse(`--cache ${cache}: ${only} keeps its own type of cache here; compare with llama-bench`)
  if (page && depth !== undefined) refuse(`--depth: ${page} decodes behind its prompt alone`)
  if (depth !== undefined && depth < prompt) refuse(`--depth ${depth} is less than --prompt ${prompt}`)
  for (const option of ['tune', 'software'])
    if (isGiven(option) && device !== 'webgpu') refuse(`--${option} is for --device webgpu: add that, or leave it out`)
  if (!load) return
  for (const option of ['tokens', 'depth', 'batch'])
    if (isGiven(option)) refuse(`--${option} has no meaning with --load: leave it out`)
  if (page) refuse(`--load starts processes: ${page} runs in a page`)
}

/** Says early that a peer is not there. */
const requirePeers = ({ peer = [], batch, load, llamaBench }: Flags): void => {
  for (const one of peer)
    if (one !== 'llama-bench') requirePeer(one)
    else nativeProgram(load ? 'llama-completion' : batch > 1 ? 'llama-batched-bench' : 'llama-bench', llamaBench)
}

const inference = async (flags: Flags, command: Command): Promise<void> => {
  checkFlags(flags, command)
  requirePeers(flags)
  const { load, rounds, peer = [], batch: sequences, cache, device, tune, software, threads, llamaBench } = flags
  // A page looks for its own GPU.
  if (device === 'webgpu' && inPages(peer).length === 0) await checkHardware(software)
  const prompt = flags.prompt ?? (load ? 8 : 128)
  const { depth = prompt, tokens } = flags
  const node = await nodePath(flags.node)
  if (flags.model.kind === 'synthetic') tell(`synth:${flags.model.size}: it is written unless it is there`)
  const { path, name, llama, weights, held } = await prepareModel(flags.model, flags.weights, peer.length > 0)
  const { config } = llama
  const length = load ? prompt : depth + tokens
  if (length > config.max_seq_len)
    throw new UsageError(
      `--prompt, --depth and --tokens need a context of ${length}, and the model's is ${config.max_seq_len}`,
    )
  const onnx = flags.onnx === undefined ? undefined : await findOnnx(flags.onnx, flags.onnxType, config)
  const mlc = flags.mlc === undefined ? undefined : await findMlc(flags.mlc, config)
  const weightBytes = weightBytesPerPass(llama, held)
  const size = { prompt, depth, tokens, sequences }
  const options = {
    ...{ model: path, held, vocabSize: config.vocab_size, bytesPerPass: weightBytes },
    ...{ device, cache, tune, software, threads, node, peers: peer, llamaBench, onnx, mlc },
  }
  if (load) return timeFirstToken({ ...options, ...size, depth: prompt, tokens: 0 }, name, weights, flags)
  const work: Workload = {
    ...{ model: name, weights, weightBytes, ...size },
    cacheBytes: await cacheBytesPerPass(config, size, cache ?? 'f16'),
    prefillFlops: await prefillFlops(config, prompt),
  }
  const expected = device === 'webgpu' ? await compared(path, llama) : undefined
  const { runs, ceilings } = await timeAll(entriesOf({ ...options, ...size, expected }), rounds)
  await deliver(reportOf(inferenceReport({ work, ...resultsOf(runs, work), ceilings })), flags)
}

/** Bytes of the largest model that `cpu` is asked about. Its weights are f32. */
const MOST_COMPARED = 8e9

/** The likeliest tokens on `cpu`, or undefined for a model that is too large. */
const compared = async (path: string, llama: PreparedModel['llama']): Promise<readonly number[] | undefined> => {
  const bytes = weightBytesPerPass(llama, 'f32')
  if (bytes <= MOST_COMPARED) {
    tell('cpu: the likeliest tokens, to compare with')
    return likeliestOnCpu(path)
  }
  tell(`cpu is not compared with: it would take ${quantity(bytes, 'B')}`)
  return undefined
}

/** Starts of processes, each with its own Node or program. */
const timeFirstToken = async (
  options: ContenderOptions,
  name: string,
  weights: readonly string[],
  { rounds, ...outputs }: Flags,
): Promise<void> => {
  const { contenders } = entriesOf({ ...options, peers: options.peers.filter(peer => peer !== 'llama-bench') })
  const starts = contenders.map(
    ({ name, start }) =>
      () =>
        freshly(name, start),
  )
  if (options.peers.includes('llama-bench'))
    starts.push(() => llamaCompletion({ ...options, program: options.llamaBench }))
  await withContenders(starts, async started => {
    const samples = await interleave(started, rounds, tellRound(rounds))
    const results = await firstTokenResults(started, samples)
    await deliver(reportOf(firstTokenReport({ model: name, prompt: options.prompt }, weights, results)), outputs)
  })
}

const timeAll = ({ contenders, ceilings }: Entries, rounds: number) => {
  const entries = [...ceilings, ...contenders]
  return withContenders(
    entries.map(({ start }) => start),
    async started => {
      const all = await interleave(started, rounds, tellRound(rounds))
      const samplesOf = (name: string) => all[entries.findIndex(entry => entry.name === name)]
      const runs = contenders.map(async (entry, i): Promise<Run> => {
        const { name, sequences, against } = entry
        const { description, details, peakBytes } = started[ceilings.length + i]
        const samples = samplesOf(name) as StreamSample[]
        const limits = samplesOf(entry.ceilings) as CeilingSample[]
        return {
          ...{ name, description, details, sequences, peakBytes: await peakBytes() },
          ...{ samples, ceilings: limits, against },
        }
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
