import type { Device } from '@cria/tensor'

/** Milliseconds that one step of a pass may hold the event loop. */
const STEP_MS = 30
/** Passes of fewer tokens read the weights too often for what they compute. */
const LEAST = 16
const MOST = 512

/**
 * How many tokens run in one pass. On devices with a queue, as many as use them well. On those that compute on the calling
 * thread, as many as one layer computes in {@link STEP_MS}, by measurement: so an abort is heard, and timers run, within a step.
 */
export class PassSize {
  #tokens: number

  constructor(device: Device) {
    this.#tokens = device.synchronous ? 2 * LEAST : MOST
  }

  get tokens(): number {
    return this.#tokens
  }

  /** Learns from a pass: its tokens, and the ms of its longest step. */
  measured(tokens: number, milliseconds: number): void {
    if (tokens < LEAST) return
    const fitting = (tokens * STEP_MS) / Math.max(milliseconds, 0.01)
    const size = 2 ** Math.floor(Math.log2(fitting))
    // One slow step, of a busy machine, halves the size at most.
    this.#tokens = Math.min(MOST, Math.max(LEAST, Math.min(size, 2 * this.#tokens), this.#tokens / 2))
  }
}
