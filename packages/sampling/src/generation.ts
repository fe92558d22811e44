/**
 * Why a generation ended: at a stop id or stop text, at `maxTokens`, because the model's context is full, or because
 * its signal aborted it.
 */
export type FinishReason = 'stop' | 'length' | 'context' | 'abort'

/** What ended a generation of finish reason `stop`: an id of `stopIds`, or the item of `stop` and the text it matched. */
export type Stopped = { readonly id: number } | { readonly stop: string | RegExp; readonly match: string }

/** How the items of a generation ended. */
export interface Ending {
  readonly finishReason: FinishReason
  readonly stopped?: Stopped | undefined
}

/** A token and the natural logarithm of its probability, in the model's own distribution (of temperature 1). */
export interface TokenLogprob {
  readonly id: number
  readonly logprob: number
}

/** A generated token. */
export interface Token {
  readonly id: number
  /** Present if the option `logprobs` is given. */
  readonly logprob?: number
  /** The most likely tokens here, as many as the option `logprobs` says, the likeliest first. */
  readonly top?: readonly TokenLogprob[]
}

/** What a generation has done so far. The seconds are of the model and the samplers, not of the consumer. */
export interface GenerationStats {
  readonly promptTokens: number
  /** Tokens of the prompt that a session held already, or that were computed for another answer. */
  cachedTokens: number
  /** Generated so far; a stop id is not counted. */
  tokens: number
  /** Drafted by speculative decoding, and those of them that the model then chose too. */
  draftedTokens: number
  acceptedTokens: number
  /** From the start to the first token: the pass over the prompt. */
  promptSeconds: number
  /** For everything after the first token. */
  decodeSeconds: number
}

/**
 * A run of `generate`: its items are iterated once, or awaited together by `all`. Its seed, reason and statistics can be read at any time.
 */
export class Generation<Item> implements AsyncIterable<Item> {
  /** Undefined until the generation ends; it stays so after `break` or an error. */
  finishReason: FinishReason | undefined
  /** What ended it, if the finish reason is `stop`. */
  stopped: Stopped | undefined
  readonly #items: AsyncGenerator<Item, void, void>
  readonly #given: Item[] = []
  #started = false
  #end: (outcome: { error?: unknown }) => void = () => {}
  readonly #ended = new Promise<{ error?: unknown }>(resolve => {
    this.#end = resolve
  })
  #all: Promise<readonly Item[]> | undefined

  /**
   * @param seed the seed that repeats this run: the given one, or the random one that was taken
   * @param stats kept up to date by `items`
   */
  constructor(
    readonly seed: number,
    readonly stats: Readonly<GenerationStats>,
    items: AsyncGenerator<Item, Ending, void>,
    signal: AbortSignal | undefined,
  ) {
    this.#items = this.#observe(items, signal)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    return this.#items
  }

  /**
   * All items, once the generation has ended. If nothing iterates it, reading this runs it to its end. Rejects where
   * an iteration would throw; after a `break` it holds the items up to there.
   */
  get all(): Promise<readonly Item[]> {
    this.#all ??= this.#started ? this.#afterTheEnd() : this.#run()
    return this.#all
  }

  async #run(): Promise<readonly Item[]> {
    for await (const _ of this.#items);
    return this.#given
  }

  async #afterTheEnd(): Promise<readonly Item[]> {
    const outcome = await this.#ended
    if ('error' in outcome) throw outcome.error
    return this.#given
  }

  async *#observe(
    items: AsyncGenerator<Item, Ending, void>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Item, void, void> {
    this.#started = true
    const outcome: { error?: unknown } = {}
    try {
      for (;;) {
        const { done, value } = await items.next()
        if (done) {
          this.finishReason = value.finishReason
          this.stopped = value.stopped
          return
        }
        this.#given.push(value)
        yield value
      }
    } catch (error) {
      outcome.error = error
      throw error
    } finally {
      if (signal?.aborted) this.finishReason ??= 'abort'
      // After `break`, the iterator still has to free what it holds.
      await items.return({ finishReason: 'abort' })
      this.#end(outcome)
    }
  }
}

/** A run of `generateText`: its items are pieces of text. */
export class TextGeneration extends Generation<string> {
  /** The whole text; see `all`. */
  get text(): Promise<string> {
    return this.all.then(pieces => pieces.join(''))
  }
}
