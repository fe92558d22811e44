import { UsageError } from '../errors'
import type { Contender } from '../hosts/contender'
import { type Measure, measure } from '../measure'
import { interleave } from '../rounds'
import { ratios } from '../statistics'
import type { TokenizerContender } from './contenders'
import { named } from './named'
import { inOneCall, readText, warmUp } from './texts'
import { timeCalls } from './time'

/** How fast one encoded a long text in one call, in MB/s, and how many times as fast Cria was in the same rounds. */
export interface OneCallResult {
  readonly name: string
  readonly rate: Measure
  readonly times: Measure
}

/** Characters of a call. */
export const CALL = 300_000

/**
 * A text for the call of each round, after one that warms up.
 * @throws UsageError for more rounds than there is text for
 */
export const longCalls = async (rounds: number): Promise<string[]> => {
  const text = await readText(inOneCall)
  const most = Math.floor(text.length / CALL)
  if (rounds > most)
    throw new UsageError(`--rounds ${rounds}: there is text for ${most}, because no text is used twice`)
  const others = await Promise.all(warmUp.map(readText))
  const calls = Array.from({ length: rounds }, (_, round) => text.slice(round * CALL, (round + 1) * CALL))
  return [others.join('\n').slice(0, CALL), ...calls]
}

/** @param calls the text of each round; the first round warms up */
const entryOf = ({ name, encode }: TokenizerContender, calls: readonly string[]): Pick<Contender, 'run'> => {
  let round = 0
  return {
    run: () =>
      named(name, () => {
        const text = calls[round++]
        return { rate: Buffer.byteLength(text) / 1e6 / timeCalls(encode, [text]).seconds }
      }),
  }
}

/** Times those that can, Cria first, on the texts of the rounds. */
export const timeOneCall = async (
  contenders: readonly TokenizerContender[],
  calls: readonly string[],
  onRound: (round: number) => void,
): Promise<OneCallResult[]> => {
  const able = contenders.filter(({ takesLongText }) => takesLongText)
  const samples = await interleave(
    able.map(contender => entryOf(contender, calls)),
    calls.length - 1,
    onRound,
  )
  const rates = samples.map(rounds => rounds.map(({ rate }) => rate))
  return able.map(({ name }, i) => ({
    name,
    rate: measure('MB/s', rates[i]),
    times: measure('×', ratios(rates[0], rates[i])),
  }))
}
