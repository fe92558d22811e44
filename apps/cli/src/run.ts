import { CommanderError } from 'commander'
import { describe, exitCodeOf } from './errors'
import { abortOnInterrupt } from './interrupt'
import { createProgram } from './program'
import { endOnBrokenOutput } from './standard-streams'

/**
 * Runs the command line. An error is written as one line on standard error.
 *
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line, 130 after Ctrl-C
 */
export const run = async (args: readonly string[]): Promise<number> => {
  endOnBrokenOutput()
  const { signal, exitCode } = abortOnInterrupt()
  const program = createProgram(signal)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // An open device, file or worker must not delay the end.
    if (signal.aborted) process.exit(exitCode())
    // Commander throws also after it has shown the help or the version that it was asked for.
    if (error instanceof CommanderError && error.message === '(outputHelp)') return error.exitCode
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if (program.opts().debug && error instanceof Error) console.error(error.stack)
    else console.error(`cria: ${describe(error)}`)
    return exitCodeOf(error)
  }
}
