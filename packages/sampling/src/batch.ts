import type { FinishReason, Generation, GenerationStats, Stopped } from './generation'

/** How one answer of a batch went. */
export interface Answer {
  readonly seed: number
  readonly stats: Readonly<GenerationStats>
  readonly finishReason: FinishReason | undefined
  readonly stopped: Stopped | undefined
}

/** An item, and the answer that it belongs to. */
export interface BatchItem<Item> {
  readonly index: number
  readonly item: Item
}

/**
 * Answers that are generated in parallel: those of the first prompt, then those of the second, and so on. Its items
 * can be iterated once, in the order in which they are ready. Each answer has its own loop, so a model can run their passes together.
 */
export class Batch<Item> implements AsyncIterable<BatchItem<Item>> {
  readonly #generations: readonly Generation<Item>[]
  readonly #items: AsyncGenerator<BatchItem<Item>, void, void>
  #started = false

  /** @param free frees what the generations share */
  constructor(generations: readonly Generation<Item>[], free: () => void) {
    this.#generations = generations
    this.#items = this.#run(free)
  }

  /** The answers, `n` for each prompt. */
  get answers(): readonly Answer[] {
    return this.#generations
  }

  [Symbol.asyncIterator](): AsyncGenerator<BatchItem<Item>, void, void> {
    return this.#items
  }

  /** The items of each answer, once all have ended. If nothing iterates the batch, reading this runs it to its end. */
  get all(): Promise<readonly (readonly Item[])[]> {
    return this.#started ? this.#collected() : this.#drained()
  }

  async #drained(): Promise<readonly (readonly Item[])[]> {
    for await (const _ of this.#items);
    return this.#collected()
  }

  #collected(): Promise<readonly (readonly Item[])[]> {
    return Promise.all(this.#generations.map(({ all }) => all))
  }

  async *#run(free: () => void): AsyncGenerator<BatchItem<Item>, void, void> {
    this.#started = true
    try {
      yield* merged(this.#generations)
    } finally {
      free()
    }
  }
}

/** A batch whose items are pieces of text. */
export class TextBatch extends Batch<string> {
  /** The text of each answer; see `all`. */
  get texts(): Promise<readonly string[]> {
    return this.all.then(answers => answers.map(pieces => pieces.join('')))
  }
}

type Arrival<Item> =
  | { readonly index: number; readonly result: IteratorResult<Item, void> }
  | { readonly index: number; readonly error: unknown }

/**
 * The items of all sources in the order in which they are ready. Each source is one item ahead of the consumer, so that the sources ask their
 * model for their next passes at the same time.
 */
async function* merged<Item>(sources: readonly AsyncIterable<Item>[]): AsyncGenerator<BatchItem<Item>, void, void> {
  const iterators = sources.map(source => source[Symbol.asyncIterator]() as AsyncGenerator<Item, void, void>)
  const arrivals: Arrival<Item>[] = []
  const waiting = sources.map(() => 0)
  let wake = () => {}

  const arrive = (arrival: Arrival<Item>): void => {
    arrivals.push(arrival)
    wake()
  }
  const pull = (index: number): void => {
    iterators[index].next().then(
      result => {
        arrive({ index, result })
        if (!result.done && ++waiting[index] < 2) pull(index)
      },
      error => arrive({ index, error }),
    )
  }

  for (const index of iterators.keys()) pull(index)
  try {
    for (let open = iterators.length; open > 0; ) {
      const arrival = arrivals.shift()
      if (arrival === undefined) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      } else if ('error' in arrival) throw arrival.error
      else if (arrival.result.done) open--
      else {
        const { index } = arrival
        if (waiting[index]-- === 2) pull(index)
        yield { index, item: arrival.result.value }
      }
    }
  } finally {
    await Promise.all(iterators.map(iterator => iterator.return()))
  }
}
