import type { Device } from '@cria/tensor'

/** Milliseconds for which one step of a pass may block the event loop. */
const STEP_MS = 30
/** Each pass reads all weights, so passes with fewer tokens waste memory bandwidth. */
const LEAST = 16
const MOST = 512

/**
 * How many tokens run in one pass. On devices with a queue, enough to keep them busy. On devices that compute on the calling
 * thread, the number that one layer computes in {@link STEP_MS}, by measurement, so that aborts and timers wait for one step at most.
 */
export class PassSize {
  #tokens: number

  constructor(device: Device) {
    this.#tokens = device.synchronous ? 2 * LEAST : MOST
  }

  get tokens(): number {
    return this.#tokens
  }

  /** Updates the estimate from a pass: its tokens, and the ms of its longest step. */
  measured(tokens: number, milliseconds: number): void {
    if (tokens < LEAST) return
    const fitting = (tokens * STEP_MS) / Math.max(milliseconds, 0.01)
    const size = 2 ** Math.floor(Math.log2(fitting))
    // One slow step, of a busy machine, halves the size at most.
    this.#tokens = Math.min(MOST, Math.max(LEAST, Math.min(size, 2 * this.#tokens), this.#tokens / 2))
  }
}
