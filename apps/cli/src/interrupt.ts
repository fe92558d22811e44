import { constants } from 'node:os'

/** How long a command may take to put away what it has half done. */
const GRACE_MS = 1000

let grace = GRACE_MS

/** Gives the command more time to put away what it has half done, such as a checkpoint. */
export const extendGrace = (milliseconds: number): void => {
  grace = milliseconds
}

/**
 * A signal that aborts when Ctrl-C is pressed or the process is told to end. The command then gives up; if it does not
 * soon, the process ends all the same, and a second Ctrl-C ends it on the spot.
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
