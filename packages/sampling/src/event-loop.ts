const MAX_HOLD_MS = 8

/**
 * A function to await in a loop that might otherwise never leave the microtask queue: a model that computes on the
 * calling thread has its logits at once, and timers, signals and the screen would wait for the last token. It lets the
 * event loop turn if 8 ms have gone since it last did, and a message channel is the quickest way to that in browsers
 * and in Node.
 */
export const eventLoopBreaks = (): (() => Promise<void>) => {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < MAX_HOLD_MS) return
    const { port1, port2 } = new MessageChannel()
    await new Promise<void>(resolve => {
      port1.onmessage = () => resolve()
      port2.postMessage(undefined)
    })
    port1.close()
    last = performance.now()
  }
}

/**
 * The promise's outcome, or the signal's reason as soon as it aborts, whichever is first. What the promise does after
 * an abort is nobody's concern any more.
 */
export const abortable = async <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    // race() handles the rejection of the slower one too.
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
