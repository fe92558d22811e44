import type { TokenIds } from '@cria/layers'
import { nextTurn, PromptError } from '@cria/sampling'
import { type ProfileRow, Steps, type Tensor } from '@cria/tensor'
import type { Model } from './model'

/** Numbers of a tensor, row-major. */
export interface Values {
  readonly shape: readonly number[]
  readonly data: Float32Array<ArrayBuffer>
}

export interface InspectOptions {
  /** Logits of the last token, or of all tokens. Default `last`. */
  readonly logits?: 'last' | 'all' | undefined
  /**
   * Which values inside of the pass to gather, by name: `tok_embeddings` is the residual stream before the first layer, `layers.0`
   * after it, f32 [T, dim]; `layers.0.attention.weights` its attention, f32 [T, heads, T]. Default: none.
   */
  readonly observe?: RegExp | readonly string[] | undefined
  /** Whether to measure the time of each op, without the cost of observing. Default false. */
  readonly profile?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** The result of one pass over a text. */
export interface Inspection {
  /** f32 [1, vocab], or [T, vocab] with `logits: 'all'`. */
  readonly logits: Values
  /** What was observed, by name. */
  readonly values: ReadonlyMap<string, Values>
  /** Time by op and implementation, the most expensive first; empty unless asked for. */
  readonly profile: readonly ProfileRow[]
}

/**
 * Runs a text once, without a cache, and collects the values that `request` names. Attention weights take memory quadratic in the length of the text.
 * @param ids T token ids
 * @throws PromptError for no ids, or more than the context @throws TokenIdsError @throws the reason of the signal
 */
export const inspect = async (
  model: Model,
  ids: TokenIds,
  { logits = 'last', observe, profile = false, signal }: InspectOptions = {},
): Promise<Inspection> => {
  const { network, maxSeqLen } = model
  if (ids.length === 0 || ids.length > maxSeqLen)
    throw new PromptError(`${ids.length} token ids to inspect: expected 1 to ${maxSeqLen}, the context of the model`)
  const packed = network.pack(ids)
  const list = logits === 'all' ? packed : { ...packed, outputs: packed.outputs.slice(-1) }
  let rows: readonly ProfileRow[] = []
  if (profile) {
    using measured = model.profile()
    using result = await run(network, network.steps(list), signal)
    await result.read()
    rows = measured.rows
  }
  const reads: Promise<readonly [string, Values]>[] = []
  const wanted = wantedNames(observe)
  const seen = (name: string, tensor: Tensor) => {
    if (wanted(name)) reads.push(valuesOf(tensor).then(values => [name, values] as const))
  }
  try {
    using result = await run(network, network.steps(list, observe && seen), signal)
    return { logits: await valuesOf(result), values: new Map(await Promise.all(reads)), profile: rows }
  } finally {
    await Promise.allSettled(reads)
  }
}

/** Logits of hidden states, as the model's own head gives them. @param states f32 [M, dim] @returns f32 [M, vocab] */
export const headOf = async ({ network, device }: Model, states: Values): Promise<Values> => {
  using h = device.tensor(states.data, states.shape)
  using logits = network.head(h)
  return valuesOf(logits)
}

const valuesOf = async (tensor: Tensor): Promise<Values> => {
  const { shape } = tensor
  return { shape, data: Float32Array.from(await tensor.read()) }
}

const wantedNames = (observe: InspectOptions['observe']): ((name: string) => boolean) => {
  if (observe === undefined) return () => false
  if (!(observe instanceof RegExp)) return name => observe.includes(name)
  // A copy, because a global RegExp remembers where its last match was.
  const pattern = new RegExp(observe.source, observe.flags.replace(/[gy]/g, ''))
  return name => pattern.test(name)
}

/** Runs the steps of a pass. Between steps the event loop runs, and an abort takes effect. */
const run = async (
  { device }: Model['network'],
  work: Generator<void, Tensor | undefined>,
  signal: AbortSignal | undefined,
): Promise<Tensor> => {
  const steps = new Steps(device, work)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value as Tensor
    await nextTurn()
    if (!signal?.aborted) continue
    steps.stop()
    signal.throwIfAborted()
  }
}
