import { TokenIdError, type Tokenizer } from '@cria/tokenizer'
import type { Command } from 'commander'
import { InputError, UsageError } from '../errors'
import { readInput, readInputLines, write } from '../standard-streams'
import { readTokenizer } from '../vocabulary'

interface Flags {
  readonly tokenizer: string
  readonly bos?: true
  readonly decode?: true
  readonly jsonl?: true
}

/** `cria tokenize`: text to ids and back, from standard input to standard output. */
export const addTokenize = (program: Command, signal: AbortSignal): void => {
  program
    .command('tokenize')
    .description('turn text on standard input into token ids, or ids into text')
    .requiredOption('--tokenizer <path>', 'tokenizer.model, tokenizer.json, tokenizer.bin or a GGUF model')
    .option('--bos', 'put BOS first')
    .option('--decode', 'ids (with spaces or commas between) to text')
    .option('--jsonl', 'one text a line as a JSON string, one line of ids as a JSON array')
    .action(async (flags: Flags) => {
      if (flags.bos && flags.decode) throw new UsageError('--bos is for ids, not for text: leave it or --decode out')
      const tokenizer = await readTokenizer(flags.tokenizer, signal)
      if (flags.jsonl) await convertLines(tokenizer, flags, signal)
      else if (flags.decode) await write(`${tokenizer.decode(parseIds(await readInput(signal)))}\n`)
      else await write(`${encode(tokenizer, await readInput(signal), flags).join(' ')}\n`)
    })
}

const encode = (tokenizer: Tokenizer, text: string, { bos }: Flags): number[] =>
  Array.from(tokenizer.encode(text, { bos: bos === true }))

const convertLines = async (tokenizer: Tokenizer, flags: Flags, signal: AbortSignal): Promise<void> => {
  const convert = flags.decode
    ? (value: unknown, line: number) => decodeLine(tokenizer, checkedIds(value, line), line)
    : (value: unknown, line: number) => encode(tokenizer, checkedText(value, line), flags)
  let line = 0
  for await (const batch of readInputLines(signal)) {
    let written = ''
    for (const text of batch) {
      line++
      written += `${JSON.stringify(convert(parseLine(text, line), line))}\n`
    }
    await write(written)
  }
}

const decodeLine = (tokenizer: Tokenizer, ids: readonly number[], line: number): string => {
  try {
    return tokenizer.decode(ids)
  } catch (error) {
    throw error instanceof TokenIdError ? new InputError(`line ${line} of standard input: ${error.message}`) : error
  }
}

const parseLine = (text: string, line: number): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new InputError(`line ${line} of standard input is not JSON`)
  }
}

const checkedText = (value: unknown, line: number): string => {
  if (typeof value !== 'string') throw new InputError(`line ${line} of standard input is not a JSON string`)
  return value
}

const checkedIds = (value: unknown, line: number): number[] => {
  if (Array.isArray(value) && value.every(Number.isSafeInteger)) return value
  throw new InputError(`line ${line} of standard input is not a JSON array of token ids`)
}

const parseIds = (text: string): number[] =>
  text
    .split(/[\s,]+/)
    .filter(word => word !== '')
    .map(word => {
      if (!/^\d+$/.test(word)) throw new InputError(`${JSON.stringify(word)} on standard input is not a token id`)
      return Number(word)
    })
