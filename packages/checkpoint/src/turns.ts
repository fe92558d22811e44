/** Milliseconds of work after which timers, input and aborts get a turn. */
const turnMilliseconds = 10

/** Called between pieces of long synchronous work: lets the event loop run now and then, and throws once aborted. */
export const turns = (signal: AbortSignal | undefined): (() => Promise<void>) => {
  let last = performance.now()
  return async () => {
    if (performance.now() - last > turnMilliseconds) {
      await new Promise<void>(resolve => setTimeout(resolve))
      last = performance.now()
    }
    signal?.throwIfAborted()
  }
}
