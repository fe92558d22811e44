import type { Extent } from './kernel'
import type { Cost, Op } from './op'
import type { Tensor } from './tensor'

/** A call that has run, as observers see it. */
export interface Observed {
  readonly op: Op
  readonly inputs: readonly Tensor[]
  readonly attributes: unknown
  readonly outputs: readonly Tensor[]
  /** Name of the implementation that ran; `alias` where no memory moved. */
  readonly implementation: string
  /**
   * Milliseconds that the call took on the calling thread. On devices that compute at once this is its time; on those with a
   * queue, the time to enqueue it.
   */
  readonly milliseconds: number
}

/** Called for each call of a device, in order. */
export interface Observer {
  /** Whether composite ops run as their parts while this observes. */
  readonly parts?: boolean
  call?(call: Observed): void
  /** One kernel or shader that a call dispatched. */
  dispatch?(dispatched: Dispatched): void
}

/** One dispatched kernel. */
export interface Dispatched {
  readonly op: string
  readonly kernel: string
  /** Elements that it computes, or workgroups of a hand-written shader, fastest axis first. */
  readonly output: Extent
}

/** The work of a device: its kernels in order, and the cost of its ops as the ops declare it. */
export interface Recording {
  readonly dispatches: readonly Dispatched[]
  readonly cost: Cost
}

/** An observer that keeps all dispatches and adds up costs. */
export class Recorder implements Observer, Recording {
  readonly dispatches: Dispatched[] = []
  readonly cost = { flops: 0, bytes: 0 }

  call({ op, inputs, attributes, implementation }: Observed): void {
    if (implementation === 'alias') return
    const { flops, bytes } = op.cost(inputs, attributes)
    this.cost.flops += flops
    this.cost.bytes += bytes
  }

  dispatch(dispatched: Dispatched): void {
    this.dispatches.push(dispatched)
  }
}

/** Time and work of one op in one implementation. */
export interface ProfileRow {
  readonly op: string
  readonly implementation: string
  readonly calls: number
  readonly milliseconds: number
  /** Part of the milliseconds of all rows, from 0 to 1. */
  readonly share: number
  readonly flops: number
  readonly bytes: number
}

/** An observer that adds up time by op and implementation. */
export class Profiler implements Observer {
  readonly #rows = new Map<string, { op: string; implementation: string; calls: number; milliseconds: number } & Cost>()

  call({ op, inputs, attributes, implementation, milliseconds }: Observed): void {
    if (implementation === 'alias') return
    const key = `${op.name} ${implementation}`
    const { flops, bytes } = op.cost(inputs, attributes)
    const row = this.#rows.get(key) ?? { op: op.name, implementation, calls: 0, milliseconds: 0, flops: 0, bytes: 0 }
    this.#rows.set(key, {
      ...row,
      calls: row.calls + 1,
      milliseconds: row.milliseconds + milliseconds,
      flops: row.flops + flops,
      bytes: row.bytes + bytes,
    })
  }

  /** The most expensive first. */
  get rows(): readonly ProfileRow[] {
    const rows = [...this.#rows.values()]
    const total = rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
    return rows
      .map(row => ({ ...row, share: total === 0 ? 0 : row.milliseconds / total }))
      .sort((a, b) => b.milliseconds - a.milliseconds)
  }
}
