import type { Token } from '../generation'
import type { Sampler } from '../samplers/chain'
import type { SequenceModel } from '../sequence'
import { isSequenceModel, Session } from '../session'
import { isAbortSignal } from '../signals'
import { collected, count, flag, isFunction, isId, isIterableOf, number, option } from './kinds'

/** Samplers in the order in which they apply by default. Each is named after the option that asks for it. */
export const samplerNames = [
  'logitBias',
  'repetitionPenalty',
  'frequencyPenalty',
  'presencePenalty',
  'noRepeatNgram',
  'dryMultiplier',
  'temperature',
  'topK',
  'topP',
  'minP',
  'typicalP',
  'xtcProbability',
] as const

export type SamplerName = (typeof samplerNames)[number]

/** What is added to the logits of ids; -Infinity bars an id. */
export type LogitBias = Readonly<Record<number, number>> | ReadonlyMap<number, number>

const idsFlag = (name: string) =>
  flag(name, 'token ids with commas between', text =>
    /^\d+(,\d+)*$/.test(text) ? text.split(',').map(Number) : undefined,
  )

const isSamplerName = (value: unknown): boolean => samplerNames.includes(value as SamplerName)

const signedPenalty = {
  expected: 'a number from -2 to 2 (0 changes nothing)',
  inRange: (x: number) => Math.abs(x) <= 2,
}

const isBias = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const entries = value instanceof Map ? [...value] : Object.entries(value).map(([id, bias]) => [Number(id), bias])
  return entries.every(([id, bias]) => isId(id) && typeof bias === 'number' && !Number.isNaN(bias) && bias !== Infinity)
}

const biasFlag = flag('--logit-bias <id=x>', 'a token id and a number, such as 15043=-1.5', (text, before) => {
  const [, id, bias] = /^(\d+)=(-?(?:\d+\.?\d*|\.\d+)|-Infinity)$/.exec(text) ?? []
  return id === undefined ? undefined : { ...(before as object | undefined), [id]: Number(bias) }
})

const isStop = (value: unknown): boolean =>
  typeof value === 'string' ? value !== '' : Object.prototype.toString.call(value) === '[object RegExp]'

const regExp = (source: string): RegExp | undefined => {
  try {
    return new RegExp(source, 'u')
  } catch {
    return undefined
  }
}

/** DRY's own. */
export const dryBreakers: readonly string[] = ['\n', ':', '"', '*']

/** Options that say how the next token is chosen, in the order in which their samplers apply by default. */
export const samplingOptions = {
  logitBias: option<LogitBias>(
    'numbers by token id, such as { 15043: -1.5 }; -Infinity bars an id',
    isBias,
    {
      description: 'adds to the logit of a token id, such as 15043=-1.5; -Infinity bars it',
      absent: 'none',
    },
    biasFlag,
  ),
  repetitionPenalty: number(
    '--repetition-penalty <x>',
    'a number from 0.01 to 100 (1 changes nothing)',
    value => value >= 0.01 && value <= 100,
    { description: 'above 1 makes tokens seen before, prompt included, less likely', default: 1 },
  ),
  frequencyPenalty: number('--frequency-penalty <x>', signedPenalty.expected, signedPenalty.inRange, {
    description: 'taken from the logit of a generated token for each time that it was generated',
    default: 0,
  }),
  presencePenalty: number('--presence-penalty <x>', signedPenalty.expected, signedPenalty.inRange, {
    description: 'taken once from the logit of each token generated before',
    default: 0,
  }),
  penaltyWindow: count('--penalty-window <n>', 1, {
    description: 'the three penalties above see the last n tokens only',
    absent: 'all',
  }),
  // Not --no-repeat-ngram: command lines take --no-… for a negation.
  noRepeatNgram: count('--norepeat-ngram <n>', 1, {
    description: 'bars tokens that would repeat a run of n tokens',
    absent: 'runs may repeat',
  }),
  dryMultiplier: number(
    '--dry-multiplier <x>',
    'a number of at least 0 (0 turns DRY off)',
    value => value >= 0 && value < Infinity,
    { description: 'strength of DRY, which makes it less likely to extend a repeated run', default: 0 },
  ),
  dryBase: number('--dry-base <x>', 'a number of at least 1', value => value >= 1 && value < Infinity, {
    description: 'DRY grows by this factor with each token of a repeated run',
    default: 1.75,
  }),
  dryAllowedLength: count('--dry-allowed-length <n>', 1, {
    description: 'DRY acts on repeated runs of at least n tokens',
    default: 2,
  }),
  dryBreakers: option<Iterable<string | number>>(
    'texts, none of them empty, or token ids',
    value => isIterableOf(value, item => isId(item) || (typeof item === 'string' && item !== '')),
    {
      description: 'a text (or token id) that ends the runs of DRY; texts need a tokenizer',
      default: dryBreakers,
    },
    flag('--dry-breaker <text>', 'a text that is not empty', (text, before) =>
      text !== '' ? collected(text, before) : undefined,
    ),
  ),
  temperature: number(
    '--temperature <x>',
    'a number of at least 0 (0 takes the most likely token)',
    value => value >= 0 && value < Infinity,
    {
      description: 'divides all logits: below 1 sharper, above 1 wilder, 0 always the likeliest token',
      default: 0.6,
    },
  ),
  topK: count('--top-k <n>', 1, { description: 'draws from the n likeliest tokens', absent: 'all' }),
  topP: number(
    '--top-p <x>',
    'a number above 0 and at most 1 (1 keeps every token)',
    value => value > 0 && value <= 1,
    { description: 'draws from the fewest likeliest tokens with a probability of x in all', default: 0.9 },
  ),
  minP: number('--min-p <x>', 'a number from 0 to 1 (0 keeps every token)', value => value >= 0 && value <= 1, {
    description: 'draws from tokens at least x times as likely as the likeliest',
    default: 0,
  }),
  typicalP: number(
    '--typical-p <x>',
    'a number above 0 and at most 1 (1 keeps every token)',
    value => value > 0 && value <= 1,
    {
      description: 'draws from the tokens nearest to the expected surprise, with a probability of x in all',
      default: 1,
    },
  ),
  xtcProbability: number('--xtc-probability <x>', 'a number from 0 to 1 (0 turns XTC off)', x => x >= 0 && x <= 1, {
    description: 'how often XTC drops all tokens above its threshold but the least likely of them',
    default: 0,
  }),
  xtcThreshold: number('--xtc-threshold <x>', 'a number from 0 to 0.5', value => value >= 0 && value <= 0.5, {
    description: 'the probability from which a token counts for XTC',
    default: 0.1,
  }),
  samplers: option<readonly SamplerName[]>(
    `an array of names, none twice, of ${samplerNames.join(', ')}`,
    value => Array.isArray(value) && value.every(isSamplerName) && new Set(value).size === value.length,
    {
      description: 'the samplers that apply, in this order',
      default: samplerNames,
    },
    flag('--samplers <names>', `names with commas between, of ${samplerNames.join(', ')}`, text => {
      const names = text === '' ? [] : text.split(',')
      return names.every(isSamplerName) ? names : undefined
    }),
  ),
}

/** Options of `generate`: token ids in, token ids out. */
export const tokenOptions = {
  ...samplingOptions,
  sampler: option<Sampler>('a function from logits to logits', isFunction, {
    description: 'a sampler of your own, in place of the options above',
    absent: 'what the options above say',
  }),
  seed: number('--seed <n>', 'a whole number from 0 to 2^53 - 1', isId, {
    description: 'the same seed gives the same text',
    absent: 'a random one',
  }),
  maxTokens: number(
    '--max-tokens <n>',
    'a whole number of at least 1, or Infinity',
    value => value === Infinity || (Number.isSafeInteger(value) && value >= 1),
    { description: 'ends after n tokens', default: Infinity, absent: 'when the context is full' },
  ),
  minTokens: count('--min-tokens <n>', 0, {
    description: 'no stop id is drawn, and no stop text looked for, in the first n tokens',
    default: 0,
  }),
  stopIds: option<Iterable<number>>(
    'token ids, such as an array of them',
    value => isIterableOf(value, isId),
    {
      description: 'token ids that end the text, with commas between',
      absent: 'none',
    },
    idsFlag('--stop-ids <ids>'),
  ),
  bannedIds: option<Iterable<number>>(
    'token ids, such as an array of them',
    value => isIterableOf(value, isId),
    { description: 'token ids that are never drawn, with commas between', absent: 'none' },
    idsFlag('--banned-ids <ids>'),
  ),
  vocabSize: option<number>(
    'a whole number of at least 1',
    value => Number.isSafeInteger(value) && (value as number) >= 1,
    {
      description: 'only ids below it are drawn: a model may have more rows than its tokenizer has tokens',
      absent: 'all ids of the model',
    },
  ),
  logprobs: count('--logprobs <n>', 0, {
    description: 'tells the log-probability of each token, and of the n likeliest in its place',
    absent: 'none are told',
  }),
  draft: option<'prompt' | SequenceModel | Session>(
    "'prompt', or a model or session with the same vocabulary",
    value => value === 'prompt' || isSequenceModel(value) || value instanceof Session,
    {
      description: 'speculative decoding: `prompt` looks drafts up in the text so far, a model writes them',
      absent: 'one token a pass',
    },
    flag('--draft <prompt|model>', '`prompt`, or a model', text => (text !== '' ? text : undefined)),
  ),
  draftTokens: count('--draft-tokens <n>', 1, {
    description: 'the most tokens that are drafted for one pass',
    default: 8,
  }),
  signal: option<AbortSignal>('an AbortSignal', isAbortSignal, {
    description: 'ends the generation at once, even during a pass: the iteration throws its reason',
    absent: 'nothing aborts it',
  }),
  onPromptProgress: option<(done: number, total: number) => void>('a function', isFunction, {
    description: 'called with the tokens of the prompt that are done, and all of them',
    absent: 'nothing is called',
  }),
}

/** Options of `generateText` beyond those of `generate`. */
export const textOptions = {
  stop: option<string | RegExp | readonly (string | RegExp)[]>(
    'a text, a RegExp, or an array of them, none of them empty',
    value => (Array.isArray(value) ? value : [value]).every(isStop),
    {
      description: 'ends before this text',
      absent: 'no text ends it',
    },
    flag('--stop <text>', 'a text that is not empty', (text, before) =>
      text !== '' ? collected(text, before) : undefined,
    ),
    flag('--stop-regex <pattern>', 'a regular expression', (text, before) => {
      const pattern = regExp(text)
      return pattern && collected(pattern, before)
    }),
  ),
  onToken: option<(token: Token) => void>('a function', isFunction, {
    description: 'called with each token as soon as it is drawn; its text may still be held back',
    absent: 'nothing is called',
  }),
}

/** Options of `generateBatch` and `generateTextBatch` beyond those of one generation. */
export const batchOptions = {
  n: count('--n <n>', 1, { description: 'generates n answers, which share the work on the prompt', default: 1 }),
}
