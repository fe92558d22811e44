import { readDocuments } from '@cria/data-mixture/node'
import { evaluate } from '@cria/training'
import { type Command, Option } from 'commander'
import { positiveNumber } from '../arguments'
import { UsageError } from '../errors'
import { addModelOptions, type ModelFlags, withModel } from '../model'
import { progressBar } from '../progress'
import { write } from '../standard-streams'
import { endOfText } from '../training'

const newlines = {
  keep: (text: string) => text,
  single: (text: string) => text.replace(/\s*\n\s*/g, '\n'),
  double: (text: string) => text.replace(/\s*\n\s*/g, '\n\n'),
} as const

interface Flags extends ModelFlags {
  readonly text: readonly string[]
  readonly separator: string
  readonly newlines: keyof typeof newlines
  readonly context?: number
  readonly documents?: number
  readonly json?: true
}

/** `cria evaluate`: bits per byte of documents, each read alone. */
export const addEvaluate = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('evaluate')
    .description('score documents, each alone after BOS: bits per byte, nats a token, perplexity')
    .requiredOption('--text <file...>', 'UTF-8 text, JSON lines or Parquet; patterns may be used')
    .option('--separator <line>', 'the line that ends a document of a text file', endOfText)
    .addOption(
      new Option('--newlines <style>', 'line ends between paragraphs: unchanged, one or two')
        .choices(Object.keys(newlines))
        .default('keep'),
    )
    .option('--context <n>', "tokens that the model sees at once; default: the model's context", positiveNumber)
    .option('--documents <n>', 'score the first n documents; default: all', positiveNumber)
    .option('--json', 'write one JSON object')
  addModelOptions(command).action((flags: Flags) => run(flags, signal))
}

const run = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  if (flags.cache !== undefined)
    throw new UsageError('--cache is not used here, where texts are read without a cache: leave it out')
  const texts: string[] = []
  for await (const text of readDocuments({ files: flags.text, separator: flags.separator }, { signal })) {
    texts.push(newlines[flags.newlines](text.trim()))
    if (texts.length === flags.documents) break
  }
  await withModel(flags, signal, async ({ network, tokenizer }) => {
    const bar = progressBar('reading', documents => `${documents} documents`)
    const context = Math.min(flags.context ?? network.maxSeqLen, network.maxSeqLen)
    const found = await evaluate(network, tokenizer, texts, {
      context,
      signal,
      onProgress: loaded => bar.update({ loaded, total: texts.length }),
    }).finally(() => bar.stop())
    if (flags.json) return write(`${JSON.stringify({ ...found, context })}\n`)
    const { bitsPerByte, nats, perplexity, tokens, bytes, documents, split } = found
    await write(
      `${bitsPerByte.toFixed(4)} bits per byte, ${nats.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}\n` +
        `${documents} documents, ${tokens} tokens, ${bytes} bytes; ${split} longer than the context of ${context}, read in windows that overlap by half\n`,
    )
  })
}
