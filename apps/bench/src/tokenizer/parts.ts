import { lineByLine, readText, warmUp } from './texts'

/** Lines of a text that a contender encodes and decodes in one round. */
export interface Part {
  readonly text: string
  readonly lines: readonly string[]
  readonly megabytes: number
}

/** Characters of each text that are timed. */
const CHARACTERS = 400_000

export const partOf = (text: string, lines: readonly string[]): Part => ({
  text,
  lines,
  megabytes: Buffer.byteLength(lines.join('\n')) / 1e6,
})

/** All lines in as many parts of about the same number. */
export const cut = (lines: readonly string[], parts: number): string[][] =>
  Array.from({ length: parts }, (_, i) =>
    lines.slice(Math.floor((i * lines.length) / parts), Math.floor(((i + 1) * lines.length) / parts)),
  )

/** The texts, each whole. */
export const wholeTexts = (): Promise<Part[]> =>
  Promise.all(lineByLine.map(async text => partOf(text, (await readText(text)).slice(0, CHARACTERS).split('\n'))))

/** Other texts, which warm up. */
export const warmUpParts = (): Promise<Part[]> =>
  Promise.all(warmUp.map(async text => partOf(text, (await readText(text)).split('\n'))))

/** A part of every text for each round. */
export const partsByRound = (texts: readonly Part[], rounds: number): Part[][] => {
  const parts = texts.map(({ text, lines }) => cut(lines, rounds).map(part => partOf(text, part)))
  return Array.from({ length: rounds }, (_, round) => parts.map(ofText => ofText[round]))
}
