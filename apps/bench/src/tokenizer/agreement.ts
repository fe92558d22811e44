import type { Ids } from './contenders'

/** Shares of the lines for which a tokenizer gives the ids that Cria gives, and as many. */
export interface Agreement {
  readonly sameIds: number
  readonly sameLength: number
}

/** @param expected Cria's ids, line by line, and @param found, the other's */
export const agreementOf = (expected: readonly Ids[], found: readonly Ids[]): Agreement => {
  const share = (agrees: (a: Ids, b: Ids) => boolean) =>
    expected.filter((ids, line) => agrees(ids, found[line])).length / expected.length
  return {
    sameIds: share((a, b) => a.length === b.length && a.every((id, i) => id === b[i])),
    sameLength: share((a, b) => a.length === b.length),
  }
}
