/** Lets the event loop process timers, messages and signals while this thread computes. */
export const eventLoopBreak = (): Promise<void> => new Promise(resolve => setTimeout(resolve))
