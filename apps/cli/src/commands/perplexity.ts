import { setImmediate } from 'node:timers/promises'
import { logSumExp } from '@cria/sampling'
import type { Command } from 'commander'
import type { Model } from 'cria'
import { positiveNumber } from '../arguments'
import { InputError, UsageError } from '../errors'
import { readTextFile } from '../files'
import { addModelOptions, type ModelFlags, PASS_TOKENS, withModel } from '../model'
import { progressBar } from '../progress'
import { write } from '../standard-streams'

interface Flags extends ModelFlags {
  readonly text: string
  readonly window?: number
  readonly json?: true
}

/** `cria perplexity`: how well a model foretells a text. */
export const addPerplexity = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('perplexity')
    .description('measure how well a model foretells a text: e to the mean of -ln p(token)')
    .requiredOption('--text <path>', 'a file of UTF-8 text')
    .option(
      '--window <n>',
      'cut the text in windows of n tokens, BOS before each; default: the context',
      positiveNumber,
    )
    .option('--json', 'write one JSON object')
  addModelOptions(command).action((flags: Flags) => perplexity(flags, signal))
}

const perplexity = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  const text = await readTextFile(flags.text, signal)
  await withModel(flags, signal, async model => {
    const { window = model.maxSeqLen } = flags
    if (window < 2 || window > model.maxSeqLen) {
      throw new UsageError(
        `--window is ${window}: expected 2 (BOS and a token) to the model's context of ${model.maxSeqLen}`,
      )
    }
    const ids = model.tokenizer.encode(text)
    if (ids.length === 0) throw new InputError(`${flags.text} is empty: there is nothing to foretell`)
    const nll = await meanNll(model, ids, window, signal)
    const result = { perplexity: Math.exp(nll), nll, tokens: ids.length, window }
    const line = `perplexity ${result.perplexity.toFixed(4)} over ${ids.length} tokens, in windows of ${window}`
    await write(`${flags.json ? JSON.stringify(result) : line}\n`)
  })
}

/** The mean of -ln p(token | BOS and the tokens before it in its window). */
const meanNll = async (model: Model, ids: Uint32Array, window: number, signal: AbortSignal): Promise<number> => {
  const bar = progressBar('reading', tokens => `${tokens} tokens`)
  let sum = 0
  try {
    for (let start = 0; start < ids.length; start += window - 1) {
      sum += await windowNll(model, ids.subarray(start, start + window - 1), signal, done =>
        bar.update({ loaded: start + done, total: ids.length }),
      )
    }
  } finally {
    bar.stop()
  }
  return sum / ids.length
}

const windowNll = async (
  model: Model,
  targets: Uint32Array,
  signal: AbortSignal,
  onProgress: (tokens: number) => void,
): Promise<number> => {
  const inputs = [model.tokenizer.bosId, ...targets.subarray(0, -1)]
  using cache = model.createCache({ capacity: inputs.length })
  let sum = 0
  for (let start = 0; start < inputs.length; start += PASS_TOKENS) {
    await setImmediate(undefined, { signal })
    using tensor = model.forward(inputs.slice(start, start + PASS_TOKENS), cache, 'all')
    const logits = await tensor.read() // [1, T, V]
    const vocab = tensor.shape[2]
    const count = logits.length / vocab
    for (let t = 0; t < count; t++) {
      const row = logits.subarray(t * vocab, (t + 1) * vocab)
      sum += logSumExp(row) - row[targets[start + t]]
    }
    onProgress(start + count)
  }
  return sum
}
