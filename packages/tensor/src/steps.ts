import type { Device } from './device'
import type { Scope } from './tensor'

/**
 * Runs work that pauses between its steps and keeps scopes open during a pause. Other work of the same device can run between
 * two steps, and does not use these scopes. The result belongs to the caller, not to a scope.
 */
export class Steps<T> {
  #scope: Scope | undefined

  constructor(
    private readonly device: Device,
    private readonly steps: Generator<void, T>,
  ) {}

  /** Runs one step. */
  next(): IteratorResult<void, T> {
    return this.#inside(() => this.steps.next())
  }

  /** Ends the work before its last step. */
  stop(): void {
    this.#inside(() => this.steps.return(undefined as T))
  }

  #inside<R>(work: () => R): R {
    const { innermost } = this.device
    const outer = innermost.scope
    innermost.scope = this.#scope
    try {
      return work()
    } finally {
      this.#scope = innermost.scope
      innermost.scope = outer
    }
  }
}
