import type { FinishReason, Generation } from '@cria/sampling'

const ends: Readonly<Record<FinishReason, string>> = {
  stop: 'the text is complete',
  length: '--max-tokens is reached',
  context: 'the context is full',
  abort: 'it was interrupted',
}

/** The speed of a generation, its seed, and why it ended. */
export const summary = ({
  stats,
  seed,
  finishReason,
}: Pick<Generation<unknown>, 'stats' | 'seed' | 'finishReason'>): string => {
  const { promptTokens, cachedTokens, promptSeconds, tokens, decodeSeconds, draftedTokens, acceptedTokens } = stats
  return [
    `prompt ${rate(promptTokens - cachedTokens, promptSeconds)}`,
    ...(cachedTokens > 0 ? [`${cachedTokens} more were kept`] : []),
    // The pass over the prompt gave the first token.
    `decode ${rate(Math.max(0, tokens - 1), decodeSeconds)}`,
    ...(draftedTokens > 0 ? [`${acceptedTokens} of ${draftedTokens} drafted tokens were right`] : []),
    `seed ${seed}`,
    `ended because ${ends[finishReason ?? 'abort']}`,
  ].join('; ')
}

const rate = (tokens: number, seconds: number): string => {
  const count = `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`
  return tokens > 0 && seconds > 0 ? `${count}, ${(tokens / seconds).toFixed(1)} a second` : count
}
