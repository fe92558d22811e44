import type { CausalModel } from '@cria/attention-variants'
import { crossEntropy } from '@cria/tensor'
import { TrainingDataError } from './errors'
import { eventLoopBreak } from './event-loop'
import type { Evaluation } from './log'

/** Turns text into token ids. */
export interface TextEncoder {
  encode(text: string, options: { readonly bos: true }): ArrayLike<number>
}

export interface EvaluationOptions {
  /** Tokens that the model sees at once; its context. */
  readonly context?: number | undefined
  /** Tokens of a pass: several documents run together. Default: 4,096, or the context if that is longer. */
  readonly passTokens?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each pass. */
  readonly onProgress?: ((documents: number) => void) | undefined
}

/**
 * Scores documents independently of each other, each after BOS. All tokens of the text are scored; an end-of-text token is
 * not. A document longer than the context is read in windows that overlap by half, and each token is scored once, in the
 * first window that holds it: it is predicted from at least half a context.
 * @throws TrainingDataError if there is nothing to score, or a token is outside the vocabulary
 */
export const evaluate = async (
  model: CausalModel,
  tokenizer: TextEncoder,
  documents: Iterable<string>,
  { context = model.maxSeqLen, passTokens = Math.max(4096, context), signal, onProgress }: EvaluationOptions = {},
): Promise<Evaluation> => {
  const total = { nats: 0, tokens: 0, bytes: 0, documents: 0, split: 0 }
  const utf8 = new globalThis.TextEncoder()
  let waiting: Window[] = []
  let length = 0
  const score = async () => {
    if (length === 0) return
    await eventLoopBreak()
    signal?.throwIfAborted()
    const { nats, tokens } = await scoreTogether(model, waiting)
    total.nats += nats
    total.tokens += tokens
    waiting = []
    length = 0
    onProgress?.(total.documents)
  }
  for (const text of documents) {
    const ids = tokenizer.encode(text, { bos: true })
    total.documents++
    total.bytes += utf8.encode(text).length
    if (ids.length > context + 1) total.split++
    for (const window of windowsOf(ids, context)) {
      if (length + window.ids.length > passTokens) await score()
      waiting.push(window)
      length += window.ids.length
    }
  }
  await score()
  if (total.tokens === 0) throw new TrainingDataError('there is no text to score: every document is empty')
  const { nats, tokens, bytes } = total
  const mean = nats / tokens
  return { ...total, nats: mean, perplexity: Math.exp(mean), bitsPerByte: nats / Math.LN2 / bytes }
}

/** A part of a document: what the model reads, and its targets, -1 for tokens that an earlier window scores. */
interface Window {
  readonly ids: readonly number[]
  readonly targets: readonly number[]
}

/** Windows of at most `context` tokens; each starts half a context after the previous one. */
function* windowsOf(ids: ArrayLike<number>, context: number): Generator<Window> {
  const stride = Math.max(1, Math.floor(context / 2))
  let scored = 1
  for (let start = 0; scored < ids.length; start += stride) {
    const end = Math.min(start + context, ids.length - 1)
    const read = Array.prototype.slice.call(ids, start, end) as number[]
    const first = scored
    yield { ids: read, targets: read.map((_, i) => (start + i + 1 >= first ? ids[start + i + 1] : -1)) }
    scored = end + 1
  }
}

/** Runs windows together, as documents that do not see each other. */
const scoreTogether = async (model: CausalModel, windows: readonly Window[]) => {
  const ids = Int32Array.from(windows.flatMap(window => window.ids))
  const targets = Int32Array.from(windows.flatMap(window => window.targets))
  const { vocabSize } = model
  const outside = [ids, targets].flatMap(values => [...values]).find(id => id >= vocabSize)
  if (outside !== undefined)
    throw new TrainingDataError(
      `token ${outside} is outside the vocabulary of ${vocabSize}: use the tokenizer of this model`,
    )
  let start = 0
  const documents = windows.map(window => {
    start += window.ids.length
    return start - window.ids.length
  })
  using losses = lossesOf(model, ids, targets, documents)
  const values = await losses.read()
  let nats = 0
  let tokens = 0
  for (const [i, target] of targets.entries()) {
    if (target < 0) continue
    nats += values[i]
    tokens++
  }
  return { nats, tokens }
}

/** -ln p of each target, [N]; 0 where the target is -1. */
const lossesOf = (
  model: CausalModel,
  ids: Int32Array<ArrayBuffer>,
  targets: Int32Array<ArrayBuffer>,
  documents: number[],
) => {
  const { device } = model
  using scope = device.scope()
  const logits = model.run(model.pack(ids, documents))
  return scope.keep(crossEntropy(logits, device.tensor(targets, [targets.length])))
}
