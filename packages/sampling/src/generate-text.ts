import { generate } from './generate'
import { type Ending, type Generation, TextGeneration, type Token } from './generation'
import { checkOptions, generationOptions } from './options/check'
import type { OptionsOf } from './options/kinds'
import { dryBreakers } from './options/table'
import type { SequenceModel } from './sequence'
import type { Session } from './session'
import { checkSamplers, type GenerateOptions } from './settings'
import { type StopFilter, stopFilters } from './stops/stops'

/** The parts of a tokenizer that `generateText` uses. */
export interface TextCodec {
  /** The ids of a text, with BOS before them if the model wants one. */
  encode(text: string, options: { bos: true }): ArrayLike<number>
  /** A decoder for ids that come one at a time: it holds back a character until all of its bytes are there. */
  decoder(): { push(id: number): string; end(): string }
  /** How many ids it can decode. Ids beyond it are never sampled, even if the model's vocabulary is larger. */
  readonly vocabSize?: number
  /** Ids below it that have no text. They are never sampled either. */
  readonly gaps?: readonly number[]
}

/** The options of `generateText`; `generationOptions` says what each does. */
export type GenerateTextOptions = OptionsOf<typeof generationOptions>

/**
 * Checks options as `generateText` does, for example before a model is loaded.
 *
 * @throws OptionError if one is out of range or unknown, or excludes another
 */
export const checkGenerateTextOptions = (options: GenerateTextOptions): void => {
  checkOptions(options, generationOptions)
  // Texts of DRY become ids later, with a tokenizer.
  checkSamplers({ ...options, dryBreakers: options.dryBreakers && [] })
  stopFilters(options.stop ?? [])
}

/**
 * Generates the text that follows the prompt, in pieces of at least one character, each as soon as it is final. The
 * prompt is not part of the result.
 *
 * @param prompt a text, which is encoded with BOS before it (so an empty one is BOS alone), or token ids
 * @throws OptionError, PromptError, LogitsError, SessionError as `generate`
 */
export const generateText = (
  model: SequenceModel | Session,
  tokenizer: TextCodec,
  prompt: string | ArrayLike<number>,
  options: GenerateTextOptions = {},
): TextGeneration => {
  const text = textRun(tokenizer, options)
  const ids = text.idsOf(prompt)
  return text.textOf(generate(model, ids, text.tokenOptions), ids)
}

/** Converts between text and `generate`: ids of a prompt, options for tokens, and the text of tokens. */
export interface TextRun {
  readonly tokenOptions: GenerateOptions
  idsOf(prompt: string | ArrayLike<number>): ArrayLike<number>
  textOf(tokens: Generation<Token>, prompt: ArrayLike<number>): TextGeneration
}

/** @throws OptionError as `checkGenerateTextOptions` */
export const textRun = (tokenizer: TextCodec, options: GenerateTextOptions): TextRun => {
  checkGenerateTextOptions(options)
  const { stop = [], onToken, ...rest } = options
  const filterOf = stopFilters(stop)
  return {
    tokenOptions: {
      ...rest,
      vocabSize: rest.vocabSize ?? tokenizer.vocabSize,
      bannedIds: [...(rest.bannedIds ?? []), ...(tokenizer.gaps ?? [])],
      dryBreakers: rest.dryMultiplier ? breakerIds(tokenizer, rest.dryBreakers) : undefined,
    },
    idsOf: prompt => (typeof prompt === 'string' ? tokenizer.encode(prompt, { bos: true }) : prompt),
    textOf(tokens, prompt) {
      const items = texts(tokens, tokenizer, prompt, filterOf(), options)
      return new TextGeneration(tokens.seed, tokens.stats, items, options.signal)
    },
  }
}

/** As in DRY's own code: a text stands for the last id of its encoding after another letter. */
const breakerIds = (tokenizer: TextCodec, breakers: Iterable<string | number> = dryBreakers): number[] =>
  Array.from(breakers, breaker => {
    if (typeof breaker === 'number') return breaker
    const ids = tokenizer.encode(`a${breaker}`, { bos: true })
    return ids[ids.length - 1]
  })

async function* texts(
  tokens: Generation<Token>,
  tokenizer: TextCodec,
  prompt: ArrayLike<number>,
  filter: StopFilter,
  { onToken, minTokens = generationOptions.minTokens.default }: GenerateTextOptions,
): AsyncGenerator<string, Ending, void> {
  const decoder = tokenizer.decoder()
  // The text of a token depends on the tokens before it: the first piece of a word includes its space, except at the start of a text.
  for (const id of Array.from(prompt)) decoder.push(id)

  for await (const token of tokens) {
    onToken?.(token)
    const piece = decoder.push(token.id)
    const { text, found } = tokens.stats.tokens <= minTokens ? filter.pass(piece) : filter.push(piece)
    if (text !== '') yield text
    if (found) return { finishReason: 'stop', stopped: found }
  }
  const { text, found } = filter.push(decoder.end())
  const rest = found ? { text: '', found } : filter.end()
  if (text + rest.text !== '') yield text + rest.text
  if (rest.found) return { finishReason: 'stop', stopped: rest.found }
  return { finishReason: tokens.finishReason ?? 'stop', stopped: tokens.stopped }
}
