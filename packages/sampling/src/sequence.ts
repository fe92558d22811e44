import type { Random } from './random'

/**
 * The interface between `generate` and a model: sequences of tokens. The model decides how to compute them (which pass, which chunks of
 * a prompt, together with which other sequences).
 */

/** What a pass may be told. */
export interface PassRequest {
  /** Results after the last id only, or after each. Default `last`. */
  readonly logits?: 'last' | 'all' | undefined
  /** Ends the pass as soon as possible: its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Called with the number of ids done so far, if a pass takes several steps. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** As `PassRequest`, for the likeliest ids. */
export interface GreedyRequest extends PassRequest {
  /** Only ids below it are candidates. Default: the model's whole vocabulary. */
  readonly vocabSize?: number | undefined
}

/** As `GreedyRequest`, for ids that are drawn. */
export interface DrawRequest extends GreedyRequest {
  readonly logits?: 'last'
  /** Divides the logits. */
  readonly temperature: number
  /** As the sampler `topP`; 1 for all ids. */
  readonly topP: number
  /** Gives the number for this draw, then those for the draws after it. Reading them does not consume them. */
  readonly random: Random
}

/** One sequence of a model: the tokens that it holds, and what follows them. One pass runs at a time. */
export interface TokenSequence {
  /** Tokens that it holds. */
  readonly length: number
  /** Tokens that it can hold at most. */
  readonly capacity: number
  /**
   * Runs ids after those that it holds, and adds them to the sequence.
   *
   * @returns the logits `[vocab]` after the last id, or after each with `logits: 'all'`. They belong to the caller.
   *   If the promise rejects, the sequence holds those of the ids that it has run: `length` tells.
   */
  forward(ids: readonly number[], request?: PassRequest): Promise<readonly Float32Array[]>
  /**
   * As `forward`, but gives the likeliest id (the lowest on a tie) after the last, or after each: a device finds it
   * without sending all logits. Gives -1 if a logit is NaN or infinite, or if no id is left. Optional.
   */
  greedy?(ids: readonly number[], request?: GreedyRequest): Promise<readonly number[]>
  /**
   * As `greedy`, but gives an id that is drawn after the last: the samplers `temperature` and `topP`, and the first number of `random`
   * looked up in the cumulative distribution, in order of id. A device computes in f32, so a draw may differ from `draw`'s where rounding
   * decides. Optional.
   */
  readonly draw?: ((ids: readonly number[], request: DrawRequest) => Promise<readonly number[]>) | undefined
  /** Removes the tokens from `length` on. Not while a pass runs. */
  rewind(length: number): void
  /** A new sequence that holds the same tokens: a prompt is computed once for several answers. Not while a pass runs. */
  fork(): TokenSequence | Promise<TokenSequence>
  /** Frees what it holds. May be called while a pass runs; the result of that pass is then ignored. */
  dispose(): void
}

/** A model that computes any number of sequences at the same time. */
export interface SequenceModel {
  /** The longest sequence that it can hold, in tokens. */
  readonly maxSeqLen: number
  /** @param options.capacity the tokens that the sequence will hold at most, which may save memory */
  createSequence(options: { readonly capacity: number }): TokenSequence
}
