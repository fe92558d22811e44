/**
 * A function from logits to logits: it takes the logits `[vocab]` of the next token and all ids before it (prompt and
 * generated), and returns logits. It changes neither argument. -Infinity bars a token.
 */
export type Sampler = (logits: Float32Array, history: readonly number[]) => Float32Array

/** The samplers one after another, each on the logits that the one before returned. */
export const chain =
  (...samplers: readonly Sampler[]): Sampler =>
  (logits, history) =>
    samplers.reduce((current, sampler) => sampler(current, history), logits)

/** The logits of `ids`, and -Infinity for all others. */
export const keep = (logits: Float32Array, ids: readonly number[]): Float32Array => {
  const result = new Float32Array(logits.length).fill(-Infinity)
  for (const id of ids) result[id] = logits[id]
  return result
}
