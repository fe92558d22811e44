import type { ChatMessage } from 'cria'

// The interface between views and engine. Arrays are row-major; shapes are in the comments.
// Shapes: T tokens, L layers, H query heads, V vocabulary.

/** A device as the page offers it. */
export interface DeviceChoice {
  readonly name: string
  readonly available: boolean
  /** What would run, or why nothing can. */
  readonly detail: string
  /** Whether the CPU emulates the GPU: correct but slow. */
  readonly software: boolean
}

export type ModelSource =
  /** The built-in model, which Cria trained. */
  | { readonly kind: 'embedded' }
  | { readonly kind: 'files'; readonly files: readonly File[] }
  | { readonly kind: 'named'; readonly name: string }

export interface LoadProgress {
  /** Bytes read so far, and of all tensors together. */
  readonly loaded: number
  readonly total: number
}

export interface LoadOptions {
  /** A device's name, or `auto`. */
  readonly device: string
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal
}

/** What a page shows of a loaded model. */
export interface ModelFacts {
  readonly name: string
  /** Whether it is the built-in model. */
  readonly embedded: boolean
  readonly format: string
  readonly device: string
  readonly deviceDetail: string
  readonly parameters: number
  readonly layers: number
  readonly dim: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
  readonly context: number
  /** Bytes that the model holds on its device. */
  readonly bytes: number
  readonly canChat: boolean
}

export type { ChatMessage }

/** The sampling options of `cria` that the page has controls for. */
export interface Sampling {
  readonly temperature: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly maxTokens: number
}

export interface GenerateRequest extends Sampling {
  /** A text to continue, or the messages of a chat. */
  readonly from: string | readonly ChatMessage[]
  readonly seed: number | undefined
  readonly signal: AbortSignal
}

export interface GenerateStats {
  readonly seed: number
  readonly promptTokens: number
  readonly tokens: number
  readonly promptSeconds: number
  readonly decodeSeconds: number
}

/** A text as it is written. */
export interface Writing extends AsyncIterable<string> {
  readonly stats: GenerateStats
  readonly finishReason: string | undefined
}

/** A token of a text: `piece` as the vocabulary spells it, `text` as it reads. */
export interface TokenOfText {
  readonly id: number
  readonly piece: string
}

export interface Candidate extends TokenOfText {
  readonly probability: number
}

/** The next-token distribution after one sampling step. */
export interface SamplingStep {
  /** `model`, or the name of the step. */
  readonly name: string
  /**
   * The likeliest tokens by the model, the likeliest first, and the next one in the text; a token that the step
   * bars has probability 0.
   */
  readonly candidates: readonly Candidate[]
  /** Tokens that can still be drawn. */
  readonly left: number
}

export interface OpTime {
  readonly op: string
  readonly milliseconds: number
  readonly calls: number
}

/** One pass over a text, looked into. */
export interface Inspection {
  readonly tokens: readonly TokenOfText[]
  /** Whether the text was longer than what was read of it. */
  readonly cut: boolean
  /** Size of the residual stream before the first layer and after each, as root mean square, [L + 1][T]. */
  readonly norms: readonly Float32Array[]
  readonly times: readonly OpTime[]
  /** Probability that the model gave to each token before it read it, [T]; 1 for the first, which it did not predict. */
  readonly expected: Float32Array
}

export interface Inspector {
  /** Runs the text once and keeps what it needs to answer the questions below, until the next call. */
  inspect(text: string, signal: AbortSignal): Promise<Inspection>
  /** How the token after position `position` would be chosen. */
  distribution(position: number, sampling: Sampling): Promise<readonly SamplingStep[]>
  /** Attention weights of one layer, by query head, [T, T] each: row t sums to 1 over columns 0 to t. */
  attention(layer: number): Promise<readonly Float32Array[]>
  /** The likeliest next tokens as read from the residual stream before the first layer and after each, [L + 1]. */
  lens(position: number): Promise<readonly (readonly Candidate[])[]>
}

export interface Activations {
  readonly x: Float32Array
  readonly relu: Float32Array
  readonly gelu: Float32Array
  readonly swiglu: Float32Array
}

export interface RotaryScores {
  /** Score of a query at `shift` and a key `distance` positions before it, by distance. */
  readonly scores: readonly Float32Array[]
}

export interface KvCacheFacts {
  readonly name: string
  readonly heads: number
  readonly kvHeads: number
  readonly parameters: number
  /** Bytes of keys and values for one token, in f16. */
  readonly bytesPerToken: number
}

/** One step of the tokenizer on a word: the pieces, and the pair that is joined next. */
export interface MergeStep {
  readonly pieces: readonly string[]
  /** Index of the left piece of the pair that is merged next; undefined when nothing more can be. */
  readonly merge: number | undefined
  /** Place of the merge in the order that the tokenizer learned, 1 is the first. */
  readonly rank: number | undefined
}

export interface Merges {
  readonly steps: readonly MergeStep[]
  readonly ids: readonly number[]
  readonly vocabulary: number
  /** Whether the page trained this tokenizer, because no model is open. */
  readonly learnedHere: boolean
}

export interface MixtureSource {
  readonly name: string
  readonly share: number
  /** Tokens trained on from this source. */
  readonly tokens: number
  /** Times that the source is gone through. */
  readonly epochs: number
}

export interface Mixture {
  readonly sources: readonly MixtureSource[]
  /** Indices of sources: the order in which the first rows of training are read. */
  readonly order: readonly number[]
}

/** A tiny model to train. */
export interface TrainingOptions {
  readonly text: string
  readonly steps: number
  readonly layers: number
  readonly dim: number
  readonly learningRate: number
  readonly seed: number
}

export type TrainingEvent =
  | { readonly kind: 'start'; readonly parameters: number; readonly vocabulary: number; readonly tokens: number }
  | {
      readonly kind: 'step'
      readonly step: number
      /** Nats a token. */
      readonly loss: number
      readonly learningRate: number
      readonly tokensPerSecond: number
    }
  | { readonly kind: 'sample'; readonly step: number; readonly text: string }

/** The parts of the papers, each computed by the packages. */
export interface Laboratory {
  /** Unit vectors (1, 0) of each pair, turned: [positions, headDim]. */
  rotate(headDim: number, theta: number, positions: number): Promise<Float32Array>
  rotaryScores(headDim: number, theta: number, distances: number, shifts: readonly number[]): Promise<RotaryScores>
  normalise(values: readonly number[]): Promise<{ readonly rms: Float32Array; readonly layer: Float32Array }>
  activations(from: number, to: number, points: number, up: number): Promise<Activations>
  kvCaches(): Promise<readonly KvCacheFacts[]>
  merges(text: string): Promise<Merges>
  mixture(totalTokens: number, rows: number): Promise<Mixture>
  /** Trains until its steps are done, or the signal aborts; then it ends without an error. */
  train(options: TrainingOptions, signal: AbortSignal): AsyncIterable<TrainingEvent>
}

export interface Engine extends Inspector, Laboratory {
  devices(): Promise<readonly DeviceChoice[]>
  load(source: ModelSource, options: LoadOptions): Promise<ModelFacts>
  unload(): Promise<void>
  generate(request: GenerateRequest): Writing
}
