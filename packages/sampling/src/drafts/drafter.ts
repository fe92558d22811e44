/** Drafts the tokens that may follow, for one generation. What it drafts changes how fast it is, and no token. */
export interface Drafter {
  /** At most `room` tokens that may follow the history; none where it has no idea. */
  propose(history: readonly number[], room: number): readonly number[] | Promise<readonly number[]>
  /** Told after each pass how many tokens of the last draft, from its start, were right. */
  learn(accepted: number, drafted: number): void
  dispose(): void
}

/**
 * The length of drafts. A token drafted in vain costs part of a pass, so drafts get longer while they are right, and
 * shorter once they are not.
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
