import type { Addition, CacheType, CausalModel, Sequence } from '@cria/attention-variants'
import type { Checkpoint } from '@cria/checkpoint'
import type { DType } from '@cria/dtypes'
import { generate, type SequenceModel } from '@cria/sampling'
import { argMax, type Tensor, type Tune } from '@cria/tensor'
import { type DeviceName, loadNetwork } from 'cria'
import { openOnThreads } from '../device'
import { requireHardware } from '../gpu/device'
import type { Job } from '../job'
import { counted } from '../report/format'
import { fixedIds, type StreamSample, type StreamSize, timeStream } from './stream'

export interface CriaOptions extends StreamSize {
  readonly device: DeviceName | 'auto'
  readonly threads: number
  /** Of webgpu: whether it measures its variants first; as it does by itself unless given. */
  readonly tune?: Tune | undefined
  /** Of webgpu: whether it may run on a software adapter. */
  readonly software?: boolean | undefined
  /** The likeliest tokens on `cpu`, to compare with. */
  readonly expected?: readonly number[] | undefined
  /** The type to hold matrices in; as stored unless given. */
  readonly weights?: DType | undefined
  /** How keys and values are stored; as the device does unless given. */
  readonly cache?: CacheType | undefined
}

/** Tokens of a pass, as in Cria's own loop and in llama.cpp. */
export const PASS_TOKENS = 512

/** Cuts additions to sequences into passes of at most `passTokens` tokens; the logits of the last token of each addition are wanted. */
export const passesOf = (
  additions: readonly { readonly sequence: Sequence; readonly ids: readonly number[] }[],
  passTokens: number = PASS_TOKENS,
): Addition[][] => {
  const passes: Addition[][] = []
  let room = 0
  for (const { sequence, ids } of additions) {
    const length = sequence.length + ids.length
    for (let at = 0; at < ids.length; ) {
      if (room === 0) {
        passes.push([])
        room = passTokens
      }
      const part = ids.slice(at, at + room)
      at += part.length
      room -= part.length
      passes[passes.length - 1].push({ sequence, ids: part, length, logits: at === ids.length ? 'last' : 'none' })
    }
  }
  return passes
}

/** Runs one pass. @returns logits of the sequences whose logits are wanted, [M, vocab]; undefined if none are */
export const runPass = (network: CausalModel, additions: readonly Addition[]): Tensor | undefined => {
  const steps = network.steps(network.extend(additions))
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value as Tensor | undefined
  }
}

/** Runs one pass, and reads the likeliest token of each sequence whose logits are wanted. */
const readPass = async (network: CausalModel, additions: readonly Addition[]): Promise<void> => {
  using logits = runPass(network, additions)
  if (!logits) return
  using best = argMax(logits)
  await best.readIntegers()
}

/** The likeliest token after each of the first fixed ids. */
export const likeliestIds = async (network: CausalModel, positions: number): Promise<number[]> => {
  using cache = network.createCache()
  const sequence = cache.sequence({ capacity: positions })
  const ids = fixedIds(positions, network.vocabSize)
  using logits = runPass(network, [{ sequence, ids, length: positions, logits: 'all' }]) as Tensor
  using best = argMax(logits)
  return Array.from(await best.readIntegers())
}

/** As {@link timeStream}, of one sequence that decodes the tokens that it chooses, right behind the prompt. */
const timeGeneration = async (
  model: SequenceModel,
  { prompt, tokens }: StreamSize,
  vocabSize: number,
): Promise<StreamSample> => {
  const start = performance.now()
  let first = start
  let count = 0
  const options = { temperature: 0, maxTokens: tokens + 1 }
  for await (const _ of generate(model, fixedIds(prompt, vocabSize), options)) {
    if (count === 0) first = performance.now()
    count++
  }
  if (count !== tokens + 1) throw new Error(`${tokens + 1} tokens were asked for, and ${count} came`)
  return { prefill: (first - start) / 1000, decode: (performance.now() - first) / 1000 }
}

/** At how many positions the likeliest token is the expected one. */
const agreementWith = async (network: CausalModel, expected: readonly number[]) => {
  const found = await likeliestIds(network, expected.length)
  return { same: expected.filter((id, i) => id === found[i]).length, of: expected.length }
}

/** Cria with a model loaded, in Node or in a page. The checkpoint is closed once it is loaded. */
export const criaJob = async (checkpoint: Checkpoint, options: CriaOptions): Promise<Job> => {
  const { device: name, threads, tune, software, expected, weights, cache: dtype } = options
  const { prompt, sequences, depth, tokens } = options
  const device = await openOnThreads(name, threads, { tune })
  if (name === 'webgpu') requireHardware(device, software)
  const loaded = await loadNetwork(checkpoint, { device, weights, cache: dtype }).finally(() => checkpoint.close())
  const { network } = loaded
  const capacity = depth + tokens
  using empty = network.createCache({ dtype })
  const { dtype: cacheType } = empty
  const variants = device.tuning?.choices.filter(({ chosen, standard }) => chosen !== standard)
  const tuned = variants === undefined ? '' : `, ${counted(variants.length, 'variant')} chosen by the tuner`
  const agreement = expected && (await agreementWith(network, expected))
  const agreed = agreement ? `, the likeliest token that of cpu at ${agreement.same} of ${agreement.of} positions` : ''
  return {
    description: `device ${device.name}: ${device.description}, cache ${cacheType}, ${counted(sequences, 'sequence')}${tuned}${agreed}`,
    ...((variants || agreement) && { details: { variants, agreement } }),
    run: async () => {
      // Steps are enqueued ahead of the reads only for tokens that are chosen.
      if (device.stepsAhead > 0 && sequences === 1 && depth === prompt)
        return timeGeneration(loaded.sequences, options, network.vocabSize)
      using cache = network.createCache({ dtype })
      const held = Array.from({ length: sequences }, () => cache.sequence({ capacity }))
      return await timeStream(options, network.vocabSize, async additions => {
        const passes = passesOf(additions.map((ids, i) => ({ sequence: held[i], ids })))
        for (const pass of passes) await readPass(network, pass)
      })
    },
    close: async () => {
      await loaded[Symbol.asyncDispose]()
      await device.close()
    },
  }
}
