import { checkGenerateTextOptions, type FinishReason, type GenerateTextOptions, type Generation } from '@cria/sampling'
import type { Command } from 'commander'
import { collect, number, wholeNumber } from '../arguments'
import { addModelOptions, type ModelFlags, passTokens, withModel } from '../model'
import { readInput, write } from '../standard-streams'

interface Flags extends ModelFlags {
  readonly prompt: string
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly seed?: number
  readonly stop?: readonly string[]
  readonly echo?: true
  readonly json?: true
}

/** `cria generate`: the text that follows a prompt, on standard output as it comes. */
export const addGenerate = (program: Command, signal: AbortSignal): void => {
  const command = program
    .command('generate')
    .description('write the text that follows a prompt')
    .option('--prompt <text>', '`-` reads it from standard input, without its last line end', '')
    .option('--max-tokens <n>', 'end after so many tokens; default: when the context is full', wholeNumber)
    .option('--temperature <x>', 'below 1 sharper, above 1 wilder, 0 always the likeliest token; default: 0.6', number)
    .option('--top-k <n>', 'draw from the n likeliest tokens; default: all', wholeNumber)
    .option('--top-p <x>', 'draw from the fewest tokens with a probability of x in all; default: 0.9', number)
    .option('--min-p <x>', 'draw from tokens at least x times as likely as the likeliest; default: 0', number)
    .option('--repetition-penalty <x>', 'above 1 makes tokens seen before less likely; default: 1', number)
    .option('--seed <n>', 'the same seed gives the same text; default: a random one', wholeNumber)
    .option('--stop <text>', 'end before this text; may be given more than once', collect)
    .option('--echo', 'write the prompt too')
    .option('--json', 'write one JSON object at the end: the text, its ids, and how it came about')
  addModelOptions(command).action((flags: Flags) => generate(flags, signal))
}

const generate = async (flags: Flags, signal: AbortSignal): Promise<void> => {
  const options = samplingOptions(flags)
  // Before a large model is loaded in vain.
  checkGenerateTextOptions(options)
  const prompt = flags.prompt === '-' ? (await readInput(signal)).replace(/\r?\n$/, '') : flags.prompt
  await withModel(flags, signal, async model => {
    const ids: number[] = []
    const generation = model.generate(prompt, {
      ...options,
      prefillChunk: passTokens(model),
      signal,
      onToken: ({ id }) => ids.push(id),
    })
    console.error(`device ${model.device.name}: ${model.device.description}`)
    if (flags.json) {
      let text = flags.echo ? prompt : ''
      for await (const piece of generation) text += piece
      const { seed, finishReason, stats } = generation
      await write(`${JSON.stringify({ text, ids, finishReason, seed, device: model.device.name, ...stats })}\n`)
    } else {
      await stream(generation, flags.echo ? prompt : '')
    }
    console.error(summary(generation))
  })
}

const samplingOptions = (flags: Flags): GenerateTextOptions => {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop } = flags
  return { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop }
}

/** Writes the text as it comes, and a line end after what has come, also when it is interrupted. */
const stream = async (generation: Generation<string>, before: string): Promise<void> => {
  try {
    await write(before)
    for await (const text of generation) await write(text)
  } finally {
    await write('\n')
  }
}

const ends = { stop: 'the text is complete', length: '--max-tokens is reached', context: 'the context is full' }

/** How fast it was, what makes it again, and why it ended. */
const summary = ({ stats, seed, finishReason }: Generation<unknown>): string => {
  const { promptTokens, promptSeconds, tokens, decodeSeconds } = stats
  return [
    `prompt ${rate(promptTokens, promptSeconds)}`,
    // The pass over the prompt gave the first token.
    `decode ${rate(Math.max(0, tokens - 1), decodeSeconds)}`,
    `seed ${seed}`,
    `ended because ${ends[finishReason as FinishReason]}`,
  ].join('; ')
}

const rate = (tokens: number, seconds: number): string => {
  const count = `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`
  return tokens > 0 ? `${count}, ${(tokens / seconds).toFixed(1)} a second` : count
}
