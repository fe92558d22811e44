import type { Addition, CausalModel, Sequence } from '@cria/attention-variants'
import type { Tensor } from '@cria/tensor'
import { type Choice, choose, isSameChoice } from './choice'

/** Steps in a row that were asked for, for each step ahead of them: a text that ends early wastes little. */
const ASKED_FOR_ONE = 4

/** An enqueued step. */
interface Step {
  /** The number with which its id is drawn. */
  readonly number: number
  readonly found: Promise<number>
}

/**
 * Steps of one sequence, some of them ahead of what is asked for: the id that a step finds stays on the device as the input of the
 * next one, which is enqueued before the id is read. So the device does not wait between two steps. A step runs for nothing if the id that it
 * took is not the next one that is asked for, or if that one is chosen in another way; the sequence is then rewound, and its row of the
 * cache is written again.
 */
export class StepsAhead {
  /** In order. */
  #steps: Step[] = []
  /** The id that the last of them finds, on the device. */
  #newest: Tensor | undefined
  /** What the last step that was asked for has found: the id that the first of the enqueued steps takes. */
  #found: number | undefined
  #choice: Choice | undefined
  /** Steps in a row that took what the one before them had found. */
  #streak = 0

  constructor(private readonly held: Sequence) {}

  /**
   * Adds `id` to the sequence. Enqueues before it waits.
   * @returns the id chosen after it, or -1
   */
  async next(model: CausalModel, id: number, choice: Choice): Promise<number> {
    const number = numberOf(choice)
    const [first] = this.#steps
    const follows = id === this.#found && this.#choice && isSameChoice(this.#choice, choice)
    if (follows && (!first || first.number === number)) this.#streak++
    else this.drop()
    this.#choice = choice
    if (this.#steps.length === 0) this.#enqueue(model, [id], choice, number)
    const { found: read } = this.#steps.shift() as Step
    this.#runAhead(model, choice)
    const found = await read
    this.#found = found
    // The steps ahead have taken it, and it is not an id.
    if (found === -1) this.drop()
    return found
  }

  /** Ends the steps that were not asked for: the sequence holds only its own tokens again. */
  drop(): void {
    if (this.#steps.length > 0) this.held.rewind(this.held.length - this.#steps.length)
    this.#steps = []
    this.#newest?.dispose()
    this.#newest = undefined
    this.#found = undefined
    this.#streak = 0
  }

  /** Only in rows that the sequence has: the cache does not grow for steps that may be dropped. */
  #runAhead(model: CausalModel, choice: Choice): void {
    const { held } = this
    const most = Math.min(model.device.stepsAhead, Math.floor(this.#streak / ASKED_FOR_ONE))
    // The source gives the numbers of the enqueued steps too.
    for (let i = 0; i < this.#steps.length; i++) numberOf(choice)
    while (this.#newest && this.#steps.length < most && held.length < held.region.rows) {
      const { length } = held
      try {
        this.#enqueue(model, this.#newest, choice, numberOf(choice))
      } catch {
        // Nobody has asked for this step. It fails again when it is asked for.
        if (held.length > length) held.rewind(length)
        break
      }
    }
    if (this.#steps.length > 0) return
    this.#newest?.dispose()
    this.#newest = undefined
  }

  #enqueue(model: CausalModel, ids: Addition['ids'], choice: Choice, number: number): void {
    using logits = model.run(model.extend([{ sequence: this.held, ids }]))
    const chosen = choose(logits, choice, [number])
    this.#newest?.dispose()
    this.#newest = chosen
    const found = chosen.readIntegers().then(([id]) => id)
    // The read of a step that is dropped may fail.
    found.catch(() => {})
    this.#steps.push({ number, found })
  }
}

/** The next number of the choice's source. */
const numberOf = ({ nucleus }: Choice): number => nucleus?.random() ?? 0
