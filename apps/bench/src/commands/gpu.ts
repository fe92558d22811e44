import { fileURLToPath } from 'node:url'
import { type DType, isDType } from '@cria/dtypes'
import { type Command, InvalidArgumentError } from 'commander'
import { positiveNumber } from '../arguments'
import { ContenderError } from '../errors'
import type { GpuCeilingSample } from '../gpu/ceilings'
import { checkHardware } from '../gpu/device'
import { type GpuFinding, gpuReport } from '../gpu/report'
import { measureTuning } from '../gpu/shares'
import type { Contender } from '../hosts/contender'
import { inProcess } from '../hosts/process'
import { inPython } from '../hosts/python'
import { entriesOf } from '../inference/contenders'
import { cacheBytesPerPass, prefillFlops, weightBytesPerPass } from '../inference/cost'
import { prepareModel } from '../inference/model'
import { type Run, resultsOf, type Workload } from '../inference/result'
import type { StreamSample } from '../inference/stream'
import { deliver, reportOf } from '../report/deliver'
import { interleave } from '../rounds'
import { type SyntheticSize, syntheticSizes } from '../synthetic/sizes'
import { addRoundOptions, type RoundFlags, tell, tellRound, withContenders } from './shared'

interface Flags extends RoundFlags {
  readonly size: SyntheticSize
  readonly weights?: readonly DType[]
  readonly prompt: number
  readonly tokens: number
  readonly python: string
  readonly software?: true
}

/** What people run: floats, and GGUF's blocks. */
const commonTypes: readonly DType[] = ['f16', 'q8_0', 'q4_0', 'q4_k']

const pytorchScript = fileURLToPath(new URL('../python/decoding.py', import.meta.url))

/** `bench gpu`: all that is to be known of a GPU, in one command. */
export const addGpu = (program: Command): void => {
  const command = program
    .command('gpu')
    .description('time webgpu in each type of weights, before and after tuning, beside its ceilings and PyTorch')
    .option('--size <name>', `size of the model: ${Object.keys(syntheticSizes).join(', ')}`, size, '1b')
    .option(
      '--weights <type>',
      `a type of weights (may be given more than once); default: ${commonTypes.join(', ')}`,
      (text: string, before: readonly DType[] = []) => [...before, dtype(text)],
    )
    .option('--prompt <n>', 'tokens of the prompt', positiveNumber, 512)
    .option('--tokens <n>', 'tokens to decode', positiveNumber, 64)
    .option('--python <path>', 'the Python whose torch runs beside it on a GPU', 'python3')
    .option('--software', 'run on a software adapter too, whose times say nothing of a GPU')
  addRoundOptions(command, 3).action(timeGpu)
}

const size = (text: string): SyntheticSize => {
  if (!Object.hasOwn(syntheticSizes, text))
    throw new InvalidArgumentError(`There are ${Object.keys(syntheticSizes).join(', ')}.`)
  return text as SyntheticSize
}

const dtype = (text: string): DType => {
  if (!isDType(text)) throw new InvalidArgumentError('Name one type, such as f16 or q4_0.')
  return text
}

const timeGpu = async ({ weights = commonTypes, software, ...flags }: Flags): Promise<void> => {
  await checkHardware(software)
  const { size } = flags
  const absent: string[] = []
  const findings: GpuFinding[] = []
  for (const [i, type] of weights.entries()) {
    tell(`synth:${size} in ${type}`)
    findings.push(await timeType(type, flags, i === 0, software === true, absent))
  }
  await deliver(reportOf(gpuReport(`synth:${size}`, findings, absent)), flags)
}

/** Cria with tuning and without, and PyTorch beside the first type. */
const timeType = async (
  type: DType,
  { size, prompt, tokens, rounds, python }: Flags,
  withPyTorch: boolean,
  software: boolean,
  absent: string[],
): Promise<GpuFinding> => {
  const { path, name, llama, weights } = await prepareModel({ kind: 'synthetic', size }, type, false)
  const { config } = llama
  const weightBytes = weightBytesPerPass(llama)
  const stream = { prompt, depth: prompt, tokens, sequences: 1 }
  const work: Workload = {
    ...{ model: name, weights, weightBytes, ...stream },
    cacheBytes: await cacheBytesPerPass(config, stream, 'f16'),
    prefillFlops: await prefillFlops(config, prompt),
  }
  const common = { ...stream, model: path, device: 'webgpu', threads: 1, software } as const
  const { ceilings } = entriesOf({ ...common, vocabSize: config.vocab_size, bytesPerPass: weightBytes, peers: [] })
  // It is tuned first, however long that takes; then the tuned one finds what was chosen.
  const tuning = await measureTuning(llama, type, prompt)
  const cria = (called: string, tune: 'on' | 'off') => () =>
    inProcess(called, 'inference', { ...common, tune, weights: undefined })
  const pytorch = withPyTorch ? await startPyTorch(config, stream, python, software, absent) : []
  const starts = [
    ...ceilings.map(({ start }) => start),
    cria('Cria, tuned', 'on'),
    cria('Cria, defaults', 'off'),
    ...pytorch.map(contender => async () => contender),
  ]
  return withContenders(starts, async ([limits, ...contenders]) => {
    const [limitSamples, ...samples] = await interleave([limits, ...contenders], rounds, tellRound(rounds))
    const found = limitSamples as GpuCeilingSample[]
    const others = contenders.slice(1).map(({ name }) => name)
    const runs = contenders.map(async ({ name, description, peakBytes }, i): Promise<Run> => {
      const against = i === 0 ? others : []
      const peak = await peakBytes()
      return {
        ...{ name, description, sequences: 1, peakBytes: peak, ceilings: found, against },
        samples: samples[i] as StreamSample[],
      }
    })
    return { work, ...resultsOf(await Promise.all(runs), work), ceilings: found, tuning }
  })
}

/** PyTorch, eager and compiled; what does not start is absent, with the reason. */
const startPyTorch = async (
  { dim, n_layers, n_heads, n_kv_heads, hidden_dim, vocab_size }: Parameters<typeof prefillFlops>[0],
  { prompt, depth, tokens }: Pick<Workload, 'prompt' | 'depth' | 'tokens'>,
  python: string,
  software: boolean,
  absent: string[],
): Promise<readonly Contender[]> => {
  const started: Contender[] = []
  const sizes = { dim, n_layers, n_heads, n_kv_heads, hidden_dim, vocab_size }
  for (const compile of [false, true]) {
    const name = compile ? 'PyTorch, compiled' : 'PyTorch'
    const argument = { size: sizes, prompt, depth, tokens, compile, device: software ? 'cpu' : 'cuda' }
    try {
      started.push(await inPython(name, { python, script: pytorchScript, argument }))
    } catch (error) {
      if (!(error instanceof ContenderError)) throw error
      absent.push(`${name} did not run: ${error.message}`)
    }
  }
  return started
}
