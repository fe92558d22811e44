import type { Addition, CausalModel, Sequence } from '@cria/attention-variants'
import { argMax, type Tensor } from '@cria/tensor'

/** Steps in a row that were asked for, for each step ahead of them: a text that ends early wastes little. */
const ASKED_FOR_ONE = 4

/**
 * Greedy steps of one sequence, some of them ahead of what is asked for: the id that a step finds stays on the device as the input of the
 * next one, which is enqueued before the id is read. So the device does not wait between two steps. A step runs for nothing if the id that it
 * took is not the next one that is asked for; the sequence is then rewound, and its row of the cache is written again.
 */
export class StepsAhead {
  /** The ids that the enqueued steps find, in order. */
  #reads: Promise<number>[] = []
  /** The id that the last of them finds, on the device. */
  #newest: Tensor | undefined
  /** What the last step that was asked for has found: the id that the first of the enqueued steps takes. */
  #found: number | undefined
  #limit: number | undefined
  /** Steps in a row that took what the one before them had found. */
  #streak = 0

  constructor(private readonly held: Sequence) {}

  /**
   * Adds `id` to the sequence. Enqueues before it waits.
   * @param limit only ids below it are found
   * @returns the likeliest id after it, or -1
   */
  async next(model: CausalModel, id: number, limit: number): Promise<number> {
    if (id === this.#found && limit === this.#limit) this.#streak++
    else this.drop()
    this.#limit = limit
    if (this.#reads.length === 0) this.#enqueue(model, [id], limit)
    const read = this.#reads.shift() as Promise<number>
    this.#runAhead(model, limit)
    const found = await read
    this.#found = found
    // The steps ahead have taken it, and it is no id.
    if (found === -1) this.drop()
    return found
  }

  /** Ends the steps that were not asked for: the sequence holds only its own tokens again. */
  drop(): void {
    if (this.#reads.length > 0) this.held.rewind(this.held.length - this.#reads.length)
    this.#reads = []
    this.#newest?.dispose()
    this.#newest = undefined
    this.#found = undefined
    this.#streak = 0
  }

  /** Only in rows that the sequence has: the cache does not grow for steps that may be dropped. */
  #runAhead(model: CausalModel, limit: number): void {
    const { held } = this
    const most = Math.min(model.device.stepsAhead, Math.floor(this.#streak / ASKED_FOR_ONE))
    while (this.#newest && this.#reads.length < most && held.length < held.region.rows) {
      const { length } = held
      try {
        this.#enqueue(model, this.#newest, limit)
      } catch {
        // Nobody has asked for this step. It fails again when it is asked for.
        if (held.length > length) held.rewind(length)
        break
      }
    }
    if (this.#reads.length > 0) return
    this.#newest?.dispose()
    this.#newest = undefined
  }

  #enqueue(model: CausalModel, ids: Addition['ids'], limit: number): void {
    using logits = model.run(model.extend([{ sequence: this.held, ids }]))
    const best = argMax(logits, Math.min(limit, logits.shape[1]))
    this.#newest?.dispose()
    this.#newest = best
    const read = best.readIntegers().then(([id]) => id)
    // The read of a step that is dropped may fail.
    read.catch(() => {})
    this.#reads.push(read)
  }
}
