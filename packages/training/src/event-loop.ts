/** Lets timers, messages and signals be heard, also where all computing is on this thread. */
export const eventLoopBreak = (): Promise<void> => new Promise(resolve => setTimeout(resolve))
