import { type CausalModel, generate, type Token } from './generate'
import { type FinishReason, Generation } from './generation'
import { checkOptions, chosenSampler, type GenerateOptions, generateRules, type Rules } from './options'
import { stopStringFilter } from './stop-strings'

/** All that `generateText` asks of a tokenizer. */
export interface TextCodec {
  /** The ids of a text, with BOS before them. */
  encode(text: string, options: { bos: true }): ArrayLike<number>
  /** A decoder for ids that come one at a time: it holds back a character until all of its bytes are there. */
  decoder(): { push(id: number): string; end(): string }
  /** How many ids it can decode; no other is drawn, though the model's vocabulary be larger. */
  readonly vocabSize?: number
}

/** The options of `generateText`. */
export interface GenerateTextOptions extends GenerateOptions {
  /** Texts that end the generation; no part of them is given. */
  readonly stop?: readonly string[] | undefined
  /** Called with each token as soon as it is drawn; its text may still be held back. */
  readonly onToken?: ((token: Token) => void) | undefined
}

const generateTextRules: Rules<GenerateTextOptions> = {
  ...generateRules,
  stop: {
    expected: 'an array of texts, none of them empty',
    accepts: value => Array.isArray(value) && value.every(text => typeof text === 'string' && text !== ''),
  },
  onToken: { expected: 'a function', accepts: value => typeof value === 'function' },
}

/**
 * Checks options as `generateText` does, for who wants to know before a model has been loaded.
 *
 * @throws OptionError if one is out of range or unknown, or excludes another
 */
export const checkGenerateTextOptions = (options: GenerateTextOptions): void => {
  checkOptions(options, generateTextRules)
  chosenSampler(options)
}

/**
 * Generates the text that follows the prompt, in pieces of at least one character, as soon as each is certain. The
 * prompt is encoded with BOS before it, so an empty one is BOS alone; it is not part of what is given.
 *
 * @throws OptionError, PromptError, LogitsError as `generate`
 */
export const generateText = <Cache>(
  model: CausalModel<Cache>,
  tokenizer: TextCodec,
  prompt: string,
  options: GenerateTextOptions = {},
): Generation<string> => {
  checkGenerateTextOptions(options)
  const { stop = [], onToken, ...generateOptions } = options
  const ids = tokenizer.encode(prompt, { bos: true })
  const { vocabSize = tokenizer.vocabSize } = generateOptions
  const tokens = generate(model, ids, { ...generateOptions, vocabSize })
  return new Generation(tokens.seed, tokens.stats, texts(tokens, tokenizer, ids, stop, onToken))
}

async function* texts(
  tokens: Generation<Token>,
  tokenizer: TextCodec,
  prompt: ArrayLike<number>,
  stop: readonly string[],
  onToken: ((token: Token) => void) | undefined,
): AsyncGenerator<string, FinishReason, void> {
  const decoder = tokenizer.decoder()
  // The text of a token depends on what stands before it: a word's first piece has its space, but not at the start.
  for (const id of Array.from(prompt)) decoder.push(id)

  const filter = stopStringFilter(stop)
  for await (const token of tokens) {
    onToken?.(token)
    const { text, found } = filter.push(decoder.push(token.id))
    if (text !== '') yield text
    if (found) return 'stop'
  }
  const { text, found } = filter.push(decoder.end())
  const rest = found ? text : text + filter.end()
  if (rest !== '') yield rest
  return found ? 'stop' : (tokens.finishReason as FinishReason)
}
