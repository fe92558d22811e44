const MAX_HOLD_MS = 8

interface Platform {
  readonly setImmediate?: ((task: () => void) => unknown) | undefined
  readonly MessageChannel?: typeof MessageChannel | undefined
  readonly setTimeout: (task: () => void, ms: number) => unknown
}

/**
 * Resolves once the event loop has run its timers and events. The quickest way that a platform has: `setImmediate` in
 * Node, Deno and Bun, whose message ports can run ahead of timers; a message channel in browsers, where `setTimeout`
 * waits at least 4 ms; `setTimeout` where there is neither (happy-dom).
 */
export const nextTurn = (platform: Platform = globalThis as Platform): Promise<void> =>
  new Promise(resolve => {
    if (platform.setImmediate) platform.setImmediate(resolve)
    else if (platform.MessageChannel) {
      const { port1, port2 } = new platform.MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    } else platform.setTimeout(resolve, 0)
  })

/**
 * A function to await in a loop that might otherwise never leave the microtask queue. A model that computes on the
 * calling thread returns its logits at once, so timers, signals and the screen would wait for the last token. It lets the
 * event loop run if 8 ms have passed since it last did.
 */
export const eventLoopBreaks = (): (() => Promise<void>) => {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < MAX_HOLD_MS) return
    await nextTurn()
    last = performance.now()
  }
}
