/** A step that was done. */
export interface TrainingStep {
  /** From 1. */
  readonly step: number
  /** Mean of -ln p over the targets of the step, in nats, before its update. */
  readonly loss: number
  readonly learningRate: number
  /** Norm of all gradients, before clipping. */
  readonly gradientNorm: number
  /** Tokens read in this step. */
  readonly tokens: number
  /** Rows of each source in this step. */
  readonly sourceRows: readonly number[]
  readonly seconds: number
}

/** How well a model predicts text. */
export interface Evaluation {
  /** Mean of -ln p over all tokens. */
  readonly nats: number
  /** e to the mean of -ln p. */
  readonly perplexity: number
  /** Bits of all tokens over bytes of UTF-8: comparable between tokenizers. */
  readonly bitsPerByte: number
  readonly tokens: number
  readonly bytes: number
  readonly documents: number
  /** Documents longer than the context. */
  readonly split: number
}

/** A text that the model wrote while it was trained. */
export interface Sample {
  readonly prompt: string
  readonly text: string
}

/** One line of the log of a run. */
export type LogEntry =
  | ({ readonly kind: 'step' } & TrainingStep)
  | ({ readonly kind: 'evaluation'; readonly step: number } & Evaluation)
  | { readonly kind: 'samples'; readonly step: number; readonly samples: readonly Sample[] }
