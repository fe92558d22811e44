import { createMixture, llamaMixture, memoryTokens, planMixture } from '@cria/data-mixture'
import type { Mixture } from '../types'

/** The paper's sources, made small for the order of rows: one token stands for this many. */
const tokensOfOne = 1e9

/** The tokens of each of the paper's sources in a run of this many tokens, and the sources of its first rows. */
export const mixture = async (totalTokens: number, rows: number): Promise<Mixture> => {
  const { sources } = planMixture(llamaMixture, totalTokens)
  const small = createMixture(
    llamaMixture.map(({ name, share, uniqueTokens }) => ({
      name,
      share,
      tokens: inMemory(Math.round(uniqueTokens / tokensOfOne)),
    })),
    { rowTokens: 1 },
  )
  return {
    sources: sources.map(({ name, share, tokens, epochs }) => ({ name, share, tokens, epochs })),
    order: Array.from({ length: rows }, (_, row) => small.place(row).source),
  }
}

const inMemory = (tokens: number) => memoryTokens(new Uint16Array(tokens), { vocabSize: 1, documentEnds: [tokens] })
