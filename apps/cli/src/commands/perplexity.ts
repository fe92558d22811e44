import { type EncodableDType, encodableDTypes } from '@cria/dtypes'
import { argMax, logSumExp } from '@cria/sampling'
import { type Command, Option } from 'commander'
import type { Model } from 'cria'
import { positiveNumber } from '../arguments'
import { InputError, UsageError } from '../errors'
import { readTextFile } from '../files'
import { addModelOptions, type ModelFlags, withModel } from '../model'
import { progressBar } from '../progress'
import { write } from '../standard-streams'

interface Flags extends ModelFlags {
  readonly text: string
  readonly window?: number
  readonly against?: EncodableDType
  readonly json?: true
}

/** `cria perplexity`: how well a model predicts a text, and the effect of another type of weights. */
export const addPerplexity = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('perplexity')
    .description('measure how well a model predicts a text: e to the mean of -ln p(token)')
    .requiredOption('--text <path>', 'a file of UTF-8 text')
    .option(
      '--window <n>',
      'cut the text in windows of n tokens, BOS before each; default: the context',
      positiveNumber,
    )
    .addOption(
      new Option(
        '--against <type>',
        'measure the same model with weights of this type too, and how often both agree',
      ).choices(encodableDTypes),
    )
    .option('--json', 'write one JSON object')
  addModelOptions(command).action((flags: Flags) => perplexity(flags, signal))
}

const perplexity = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  const { against } = flags
  const text = await readTextFile(flags.text, signal)
  const measureAll = async (models: readonly Model[]) => {
    const [{ tokenizer, maxSeqLen }] = models
    const { window = maxSeqLen } = flags
    if (window < 2 || window > maxSeqLen) {
      throw new UsageError(`--window is ${window}: expected 2 (BOS and a token) to the model's context of ${maxSeqLen}`)
    }
    const ids = tokenizer.encode(text)
    if (ids.length === 0) throw new InputError(`${flags.text} is empty: there is nothing to predict`)
    const { nlls, agreement } = await measure(models, ids, window, signal)
    const [own, other] = nlls.map(nll => ({ perplexity: Math.exp(nll), nll }))
    const result = {
      ...own,
      tokens: ids.length,
      window,
      ...(against && { against: { weights: against, ...other, agreement } }),
    }
    await write(flags.json ? `${JSON.stringify(result)}\n` : inWords(result))
  }
  await withModel(flags, signal, model =>
    against
      ? withModel({ ...flags, weights: against }, signal, other => measureAll([model, other]))
      : measureAll([model]),
  )
}

interface Prediction {
  readonly perplexity: number
  /** The mean of -ln p(token). */
  readonly nll: number
}

interface Result extends Prediction {
  readonly tokens: number
  readonly window: number
  readonly against?: Prediction & {
    readonly weights: EncodableDType
    /** The share of positions at which both predict the same token. */
    readonly agreement: number
  }
}

const inWords = ({ perplexity, tokens, window, against }: Result): string => {
  const line = `perplexity ${perplexity.toFixed(4)} over ${tokens} tokens, in windows of ${window}\n`
  if (!against) return line
  const agreed = (100 * against.agreement).toFixed(2)
  return `${line}with weights in ${against.weights} ${against.perplexity.toFixed(4)}; the likeliest token is the same at ${agreed}% of the positions\n`
}

/** The mean of -ln p(token | BOS and the tokens before it in its window) of each model, and how often all predict the same token. */
const measure = async (
  models: readonly Model[],
  ids: Uint32Array,
  window: number,
  signal: AbortSignal,
): Promise<{ nlls: number[]; agreement: number }> => {
  const bar = progressBar('reading', tokens => `${tokens} tokens`)
  const sums = models.map(() => 0)
  let agreed = 0
  const readers = models.map(model => predict(model, ids, window, signal))
  try {
    for (const [i, id] of ids.entries()) {
      const likeliest = new Set<number>()
      for (const [m, reader] of readers.entries()) {
        const { value: logits } = (await reader.next()) as IteratorYieldResult<Float32Array>
        sums[m] += logSumExp(logits) - logits[id]
        likeliest.add(argMax(logits))
      }
      if (likeliest.size === 1) agreed++
      bar.update({ loaded: i + 1, total: ids.length })
    }
  } finally {
    bar.stop()
    for (const reader of readers) await reader.return()
  }
  return { nlls: sums.map(sum => sum / ids.length), agreement: agreed / ids.length }
}

/** Tokens of one pass; their logits are in memory at the same time. */
const PART = 64

/** The logits that predict each of `ids`, from BOS and those before it in its window. */
async function* predict(
  model: Model,
  ids: Uint32Array,
  window: number,
  signal: AbortSignal,
): AsyncGenerator<Float32Array, void> {
  const { bosId } = model.tokenizer
  if (bosId === undefined) throw new InputError('the tokenizer has no BOS token, before which nothing is predicted')
  for (let first = 0; first < ids.length; first += window - 1) {
    const inputs = [bosId, ...ids.subarray(first, first + window - 1).subarray(0, -1)]
    const sequence = model.createSequence({ capacity: inputs.length })
    try {
      for (let start = 0; start < inputs.length; start += PART)
        yield* await sequence.forward(inputs.slice(start, start + PART), { logits: 'all', signal })
    } finally {
      sequence.dispose()
    }
  }
}
