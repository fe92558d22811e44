import type { Contender } from '../hosts/contender'
import type { Sample } from '../job'
import { type Measure, measure } from '../measure'
import { interleave } from '../rounds'
import { ratios } from '../statistics'
import { type Agreement, agreementOf } from './agreement'
import type { Ids, TokenizerContender } from './contenders'
import { named } from './named'
import type { NativeEncoder } from './native'
import type { Part } from './parts'
import { timeCalls } from './time'

/** How fast one went through one text, in MB/s, and how many times as fast Cria was in the same rounds. */
export interface LinesResult {
  readonly name: string
  readonly encode: Speed
  /** Native programs are not timed at decoding. */
  readonly decode: Speed | undefined
  readonly agreement: Agreement
}

export interface Speed {
  readonly rate: Measure
  readonly times: Measure
}

export interface TextResult {
  readonly text: string
  readonly megabytes: number
  readonly lines: number
  /** Cria first. */
  readonly contenders: readonly LinesResult[]
}

/** One that is timed in rounds: its samples are MB/s, by {@link encoding} and {@link decoding} of a text. */
export interface Entry extends Pick<Contender, 'run'> {
  readonly name: string
  /** The ids of each line of a text, untimed. */
  idsOf(lines: readonly string[], text: string): Promise<readonly Ids[]>
}

export const encoding = (text: string): string => `encode ${text}`
export const decoding = (text: string): string => `decode ${text}`

/** @param rounds the parts of each round; the first round warms up */
export const entryOf = (contender: TokenizerContender, rounds: readonly (readonly Part[])[]): Entry => {
  const { name } = contender
  let round = 0
  return {
    name,
    run: () =>
      named(name, () => {
        const sample: Record<string, number> = {}
        for (const { text, lines, megabytes } of rounds[round++]) {
          const encoded = timeCalls(line => contender.encode(line), lines)
          const decoded = timeCalls(ids => contender.decode(ids), encoded.results)
          sample[encoding(text)] = megabytes / encoded.seconds
          sample[decoding(text)] = megabytes / decoded.seconds
        }
        return sample satisfies Sample
      }),
    idsOf: lines => named(name, () => lines.map(line => contender.encode(line))),
  }
}

/** Each round is a new process, which remembers nothing, so it takes the texts whole: a part is over too soon. */
export const nativeEntryOf = (native: NativeEncoder, texts: readonly Part[]): Entry => ({
  name: native.name,
  run: async () => {
    const sample: Record<string, number> = {}
    const start = await native.startSeconds()
    for (const { text, lines, megabytes } of texts)
      sample[encoding(text)] = megabytes / ((await native.seconds(lines)) - start)
    return sample
  },
  idsOf: lines => native.idsOf(lines),
})

/** Times entries line by line, Cria first, and compares what they give. */
export const timeLines = async (
  entries: readonly Entry[],
  texts: readonly Part[],
  rounds: number,
  onRound: (round: number) => void,
): Promise<TextResult[]> => {
  const samples = await interleave(entries, rounds, onRound)
  const results: TextResult[] = []
  for (const text of texts) results.push(await resultOf(text, entries, samples))
  return results
}

const resultOf = async (
  { text, lines, megabytes }: Part,
  entries: readonly Entry[],
  samples: readonly (readonly Sample[])[],
): Promise<TextResult> => {
  const [cria] = entries
  const expected = await cria.idsOf(lines, text)
  const contenders: LinesResult[] = []
  for (const [i, { name, idsOf }] of entries.entries())
    contenders.push({
      name,
      encode: speedOf(samples[i], samples[0], encoding(text)),
      decode: decoding(text) in samples[i][0] ? speedOf(samples[i], samples[0], decoding(text)) : undefined,
      agreement: agreementOf(expected, await idsOf(lines, text)),
    })
  return { text, megabytes, lines: lines.length, contenders }
}

const speedOf = (own: readonly Sample[], cria: readonly Sample[], key: string): Speed => {
  const rates = own.map(sample => sample[key])
  return {
    rate: measure('MB/s', rates),
    times: measure(
      '×',
      ratios(
        cria.map(sample => sample[key]),
        rates,
      ),
    ),
  }
}
