import { constants } from 'node:os'

/** How long a command may take to clean up. */
const GRACE_MS = 1000

let grace = GRACE_MS

/** Gives the command more time to clean up, for example to save a checkpoint. */
export const extendGrace = (milliseconds: number): void => {
  grace = milliseconds
}

/**
 * A signal that aborts when Ctrl-C is pressed or the process gets a signal to end. The command then stops. If it does not stop
 * soon, the process is ended. A second Ctrl-C ends it at once.
 *
 * @returns also the code to exit with: 128 and the number of the system's signal, as shells have it
 */
export const abortOnInterrupt = (): { signal: AbortSignal; exitCode: () => number } => {
  const controller = new AbortController()
  let exitCode = 0
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      exitCode = 128 + constants.signals[name]
      controller.abort()
      setTimeout(() => process.exit(exitCode), grace).unref()
    })
  }
  return { signal: controller.signal, exitCode: () => exitCode }
}
