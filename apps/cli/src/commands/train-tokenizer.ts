import { bytesFile } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import { type Tokenizer, trainTokenizer, writeLlama2c, writeSentencePiece, writeTokenizerJson } from '@cria/tokenizer'
import type { Command } from 'commander'
import { positiveNumber, share } from '../arguments'
import { UsageError } from '../errors'
import { readFileLines } from '../files'
import { progressBar } from '../progress'

interface Flags {
  readonly input: readonly string[]
  readonly vocabSize: number
  readonly output: string
  readonly characterCoverage?: number
  readonly removeExtraWhitespaces?: true
}

/** `cria train-tokenizer`: trains a vocabulary on texts, as LLaMA's was. */
export const addTrainTokenizer = (program: Command, signal: AbortSignal): void => {
  program
    .command('train-tokenizer')
    .description('train a BPE tokenizer on text files, as SentencePiece does with the settings of LLaMA')
    .requiredOption('--input <file...>', 'UTF-8 text; each line is a sentence')
    .requiredOption('--vocab-size <n>', 'pieces, with the 256 bytes and <unk>, <s> and </s>', positiveNumber)
    .requiredOption('--output <path>', 'ends in .model (SentencePiece), .json (Hugging Face) or .bin (llama2.c)')
    .option('--character-coverage <x>', 'share of the text whose characters get pieces; default: 0.99995', share)
    .option('--remove-extra-whitespaces', 'make runs of spaces one, in training and in the tokenizer')
    .action((flags: Flags) => train(flags, signal))
}

const writers: Readonly<Record<string, (tokenizer: Tokenizer) => Uint8Array>> = {
  model: writeSentencePiece,
  json: writeTokenizerJson,
  bin: writeLlama2c,
}

const train = async ({ input, output, ...options }: Flags, signal: AbortSignal): Promise<void> => {
  const ending = output.slice(output.lastIndexOf('.') + 1)
  if (!Object.hasOwn(writers, ending)) {
    throw new UsageError(`--output is ${output}: expected a path that ends in .model, .json or .bin`)
  }
  const bar = progressBar('training', pieces => `${pieces} pieces`)
  let sentences = 0
  let skipped = 0
  try {
    const tokenizer = await trainTokenizer(texts(input, signal), {
      ...options,
      signal,
      onProgress(progress) {
        sentences = progress.sentences
        skipped = progress.skipped
        if (progress.pieces > 0) bar.update({ loaded: progress.pieces, total: progress.vocabSize })
      },
    })
    await saveFile(output, bytesFile(output, writers[ending](tokenizer)), { signal })
    bar.stop()
    console.error(`${output}: ${tokenizer.vocabSize} pieces from ${sentences} sentences, ${skipped} left out`)
  } finally {
    bar.stop()
  }
}

/** The text of the files, some of their lines at a time. */
async function* texts(paths: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  for (const path of paths) for await (const lines of readFileLines(path, signal)) yield lines.join('\n')
}
