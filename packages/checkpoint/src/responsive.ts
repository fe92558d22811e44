/** Milliseconds of synchronous work after which the event loop may run. */
const maxMilliseconds = 10

/**
 * A function to call between pieces of long synchronous work. It lets the event loop run now and then, and throws the
 * signal's reason once it is aborted.
 */
export const responsive = (signal: AbortSignal | undefined): (() => Promise<void>) => {
  let last = performance.now()
  return async () => {
    if (performance.now() - last > maxMilliseconds) {
      await new Promise<void>(resolve => setTimeout(resolve))
      last = performance.now()
    }
    signal?.throwIfAborted()
  }
}
