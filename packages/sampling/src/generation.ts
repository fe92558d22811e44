/** Why a generation ended: at a stop id or stop string, at `maxTokens`, or because the model's context is full. */
export type FinishReason = 'stop' | 'length' | 'context'

/** What a generation has done so far. The seconds are the model's and the samplers', not those of who reads the tokens. */
export interface GenerationStats {
  readonly promptTokens: number
  /** Generated so far; a stop id is not counted. */
  tokens: number
  /** From the start to the first token: the pass over the prompt. */
  promptSeconds: number
  /** For all that came after the first token. */
  decodeSeconds: number
}

/** A run of `generate` or `generateText`: its items are iterated once; how it went can be read at any time. */
export class Generation<Item> implements AsyncIterable<Item> {
  /** Undefined until the generation has ended by itself: it stays so after `break`, an error or an abort. */
  finishReason: FinishReason | undefined
  readonly #items: AsyncGenerator<Item, void, void>

  /**
   * @param seed what makes this run again: the seed given, or the random one taken
   * @param stats kept up to date by `items`
   */
  constructor(
    readonly seed: number,
    readonly stats: Readonly<GenerationStats>,
    items: AsyncGenerator<Item, FinishReason, void>,
  ) {
    this.#items = this.#finish(items)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    return this.#items
  }

  async *#finish(items: AsyncGenerator<Item, FinishReason, void>): AsyncGenerator<Item, void, void> {
    this.finishReason = yield* items
  }
}
