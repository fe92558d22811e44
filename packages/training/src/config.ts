import type { LlamaConfig } from '@cria/llama'
import { TrainingConfigError } from './errors'
import { anyObject, checkAgainst, flag, number, optional, type Rule, table, text, texts, whole } from './rules'

export interface LoraOptions {
  /** Rank of the update of each matrix. */
  readonly rank: number
  /** The update is scaled by alpha / rank. Default: the rank. */
  readonly alpha?: number | undefined
  /** The last parts of the paths of matrices to adapt; `['wq', 'wv']` as in the paper. */
  readonly matrices?: readonly string[] | undefined
  /** Seed of the first values of A; 0. */
  readonly seed?: number | undefined
}

/** How a run trains: sizes of steps, the optimiser and its schedule. */
export interface TrainingSettings {
  /** Tokens of the whole run, rounded up to whole steps. */
  readonly tokens: number
  /** Tokens of a step: a multiple of the model's context. */
  readonly batchTokens: number
  /** Tokens of a pass, which bound its memory. Default: `batchTokens`. */
  readonly passTokens?: number
  /** The peak of the learning rate. */
  readonly learningRate: number
  /** Default: 2,000 as in LLaMA, or a tenth of the steps if that is less. */
  readonly warmupSteps?: number
  /** The learning rate at the end, as a share of the peak; 0.1. */
  readonly finalShare?: number
  readonly beta1?: number
  readonly beta2?: number
  readonly eps?: number
  readonly weightDecay?: number
  /** The norm that gradients are clipped to; 1. */
  readonly clip?: number
  /** Of the first values of the weights; 0. */
  readonly seed?: number
  /** Do not keep the values inside of layers; compute them again for the gradients. Less memory, more time. Default: false. */
  readonly recompute?: boolean
}

/** A training run as a JSON file. Paths are relative to the file. */
export interface TrainingConfig {
  /** Sizes of a new model, under the names of Meta's `params.json`. Left out where `from` names a model. */
  readonly model?: Omit<LlamaConfig, 'vocab_size' | 'rope_scaling'>
  /** The tokenizer of a new model, or of one in `from` that has none in it or beside it. */
  readonly tokenizer?: string
  /** A model to continue from: a path, a URL or an `hf:` location. */
  readonly from?: string
  /** The mixture, as `@cria/data-mixture` describes it. */
  readonly data: Readonly<Record<string, unknown>>
  readonly training: TrainingSettings
  /** Train adapters of low rank instead of all weights. */
  readonly lora?: LoraOptions
  readonly evaluation?: {
    /** Steps between evaluations. */
    readonly every: number
    /** Files of UTF-8 text; documents end with a line `<|endoftext|>`. */
    readonly texts: readonly string[]
    /** Score at most this many documents: the first ones of all files. */
    readonly documents?: number
  }
  readonly samples?: {
    readonly every: number
    readonly prompts: readonly string[]
    readonly maxTokens: number
    readonly temperature?: number
    readonly topP?: number
    readonly seed?: number
  }
  readonly checkpoints: {
    /** Steps between checkpoints. */
    readonly every: number
    /** How many of the latest checkpoints to keep. The best by evaluation is always kept. */
    readonly keep: number
  }
  /** The folder of the run. */
  readonly output: string
}

type Keys<T> = { readonly [K in keyof Required<T>]: Rule | ReturnType<typeof table> }

const positive = number('a number above 0', value => value > 0)
const beta = number('a number from 0 to below 1', value => value >= 0 && value < 1)
const share = number('a number from 0 to 1', value => value >= 0 && value <= 1)

const model: Keys<NonNullable<TrainingConfig['model']>> = {
  dim: whole(1),
  n_layers: whole(1),
  n_heads: whole(1),
  n_kv_heads: optional(whole(1)),
  head_dim: optional(whole(1)),
  hidden_dim: optional(whole(1)),
  multiple_of: optional(whole(1)),
  ffn_dim_multiplier: optional(positive),
  norm_eps: optional(positive),
  max_seq_len: whole(1),
  rope_theta: optional(positive),
  tied_output: optional(flag),
  attention_bias: optional(flag),
  mlp_bias: optional(flag),
}

const training: Keys<TrainingSettings> = {
  tokens: whole(1),
  batchTokens: whole(1),
  passTokens: optional(whole(1)),
  learningRate: positive,
  warmupSteps: optional(whole(0)),
  finalShare: optional(share),
  beta1: optional(beta),
  beta2: optional(beta),
  eps: optional(positive),
  weightDecay: optional(number('a number of at least 0', value => value >= 0)),
  clip: optional(positive),
  seed: optional(whole(0)),
  recompute: optional(flag),
}

const lora: Keys<LoraOptions> = {
  rank: whole(1),
  alpha: optional(positive),
  matrices: optional(texts),
  seed: optional(whole(0)),
}

const evaluation: Keys<NonNullable<TrainingConfig['evaluation']>> = {
  every: whole(1),
  texts,
  documents: optional(whole(1)),
}

const samples: Keys<NonNullable<TrainingConfig['samples']>> = {
  every: whole(1),
  prompts: texts,
  maxTokens: whole(1),
  temperature: optional(number('a number of at least 0', value => value >= 0)),
  topP: optional(number('a number above 0 and at most 1', value => value > 0 && value <= 1)),
  seed: optional(whole(0)),
}

const checkpoints: Keys<TrainingConfig['checkpoints']> = { every: whole(1), keep: whole(1) }

const config: Keys<TrainingConfig> = {
  model: optional(table(model)),
  tokenizer: optional(text),
  from: optional(text),
  data: anyObject,
  training: table(training),
  lora: optional(table(lora)),
  evaluation: optional(table(evaluation)),
  samples: optional(table(samples)),
  checkpoints: table(checkpoints),
  output: text,
}

/**
 * Checks a config that was read from JSON.
 * @throws TrainingConfigError that names the first key that is unknown, missing, has a wrong value, or contradicts another key
 */
export const checkTrainingConfig = (value: unknown): TrainingConfig => {
  checkAgainst(value, table(config), 'config')
  const checked = value as TrainingConfig
  if (checked.from === undefined) {
    for (const key of ['model', 'tokenizer'] as const)
      if (checked[key] === undefined)
        throw new TrainingConfigError(
          `config.${key}`,
          'is missing: give it for a new model, or "from" to continue from a model',
        )
    if (checked.lora !== undefined)
      throw new TrainingConfigError('config.lora', 'adapts a model that is trained already: name it in "from"')
  } else if (checked.model !== undefined)
    throw new TrainingConfigError(
      'config.model',
      'describes a new model, and "from" names one to continue from: give one of them',
    )
  return checked
}

/** Steps of a run. */
export const stepsOf = ({ tokens, batchTokens }: TrainingSettings): number => Math.ceil(tokens / batchTokens)

/** Steps of warm-up of a run. */
export const warmupOf = (settings: TrainingSettings): number =>
  settings.warmupSteps ?? Math.min(2000, Math.ceil(stepsOf(settings) / 10))
