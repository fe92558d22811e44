import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { positiveNumber } from '../arguments'
import type { Contender } from '../hosts/contender'
import type { Outputs } from '../report/deliver'

/** The options of every command that times contenders in rounds. */
export interface RoundFlags extends Outputs {
  readonly rounds: number
}

/** The options of those whose devices or peers use threads. */
export interface ThreadFlags extends RoundFlags {
  readonly threads: number
}

export const addRoundOptions = (command: Command, rounds: number): Command =>
  command
    .option('--rounds <n>', 'counted rounds, in each of which all run once', positiveNumber, rounds)
    .option('--json <file>', 'write all numbers too')
    .option('--html <file>', 'write a page with charts too')

export const addThreadOptions = (command: Command, rounds: number): Command => {
  const threads = availableParallelism()
  command.option('--threads <n>', 'threads of each device and peer that uses threads', positiveNumber, threads)
  return addRoundOptions(command, rounds)
}

/** Says on standard error how far it is. */
export const tell = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** Says in which round it is; the first warms up. */
export const tellRound =
  (rounds: number) =>
  (round: number): void =>
    tell(round === 0 ? 'warm-up' : `round ${round} of ${rounds}`)

/**
 * Makes contenders ready one after the other, does something with them, and closes them all, also when one fails.
 */
export const withContenders = async <T>(
  starts: readonly (() => Promise<Contender>)[],
  use: (contenders: readonly Contender[]) => Promise<T>,
): Promise<T> => {
  const contenders: Contender[] = []
  try {
    for (const start of starts) {
      const contender = await start()
      tell(`${contender.name}: ${contender.description}`)
      contenders.push(contender)
    }
    return await use(contenders)
  } finally {
    await Promise.allSettled(contenders.map(contender => contender.close()))
  }
}
