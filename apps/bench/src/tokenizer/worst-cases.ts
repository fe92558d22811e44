import { type Measure, measure } from '../measure'
import { interleave } from '../rounds'
import { ratios } from '../statistics'
import type { TokenizerContender } from './contenders'
import { readText, worst } from './texts'
import { timeCalls } from './time'

/** How long a million characters take in one call, beside prose in the same rounds. */
export interface WorstCaseResult {
  readonly name: string
  readonly seconds: Measure
  readonly times: Measure
}

const MILLION = 1_000_000

/** Calls that a round takes the mean of, so that each case pays for its own garbage. */
export const CALLS = 4

/** Texts of a million characters by name, prose first. */
export const worstCases = async (): Promise<Readonly<Record<string, string>>> => ({
  prose: (await readText(worst.prose)).slice(0, MILLION),
  'prose without a space': (await readText(worst.withSpaces)).replaceAll(/\s/g, '').repeat(2).slice(0, MILLION),
  'one letter': 'a'.repeat(MILLION),
  'Chinese characters': String.fromCharCode(
    ...Array.from({ length: 10_000 }, (_, i) => 0x4e00 + ((i * 7919) % 20_000)),
  ).repeat(100),
})

/** Times Cria on them, in turns. It keeps nothing of a text, so a text may come again. */
export const timeWorstCases = async (
  { encode }: TokenizerContender,
  cases: Readonly<Record<string, string>>,
  rounds: number,
  onRound: (round: number) => void,
): Promise<WorstCaseResult[]> => {
  const entries = Object.values(cases).map(text => ({
    run: async () => ({ seconds: timeCalls(encode, Array<string>(CALLS).fill(text)).seconds / CALLS }),
  }))
  const samples = await interleave(entries, rounds, onRound)
  const seconds = samples.map(ofCase => ofCase.map(sample => sample.seconds))
  return Object.keys(cases).map((name, i) => ({
    name,
    seconds: measure('s', seconds[i]),
    times: measure('×', ratios(seconds[i], seconds[0])),
  }))
}
