/** Drafts the tokens that may follow, for one generation. A draft changes the speed, and never the tokens. */
export interface Drafter {
  /** At most `room` tokens that may follow the history; an empty array if it has no guess. */
  propose(history: readonly number[], room: number): readonly number[] | Promise<readonly number[]>
  /** Called after each pass with the number of tokens of the last draft that were right, counted from its start. */
  learn(accepted: number, drafted: number): void
  dispose(): void
}

/**
 * The length of drafts. A wrong token costs part of a pass, so drafts get longer while they are right, and
 * shorter when they are wrong.
 */
export class DraftLength {
  tokens: number

  constructor(private readonly most: number) {
    this.tokens = Math.min(4, most)
  }

  learn(accepted: number, drafted: number): void {
    this.tokens = Math.min(this.most, accepted === drafted ? Math.max(this.tokens, 2 * drafted) : accepted + 1)
  }
}
