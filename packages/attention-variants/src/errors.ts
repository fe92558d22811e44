/** More positions than a sequence has room for. */
export class ContextOverflowError extends Error {
  override readonly name = 'ContextOverflowError'
  constructor(position: number, tokens: number, capacity: number) {
    super(
      `${tokens} tokens at position ${position} do not fit in a context of ${capacity}: shorten the prompt or generate fewer`,
    )
  }
}
