import type { CacheType, CausalModel } from '@cria/attention-variants'
import { choose } from './choice'

/** Tokens that a sequence holds before a pass, and tokens of the pass. */
const passes = [
  [0, 512], // a long prompt
  [0, 24], // a short prompt
  [0, 4], // the rest of a prompt
  [24, 1], // a step after a short prompt
  [1023, 1], // a step after a long prompt
] as const

/** Runs passes of typical sizes on a device of shapes, so that the shaders they need are compiled and tuned in advance. */
export const runTypicalPasses = (model: CausalModel, dtype: CacheType | undefined): void => {
  const { maxSeqLen } = model
  for (const [held, tokens] of passes) {
    const length = Math.min(held, maxSeqLen - 1)
    const ids = new Array<number>(Math.min(tokens, maxSeqLen - length)).fill(0)
    using cache = model.createCache({ dtype })
    using sequence = cache.sequence({ capacity: maxSeqLen, length })
    using logits = model.forward(ids, sequence)
    const limit = logits.shape[1]
    choose(logits, { limit }, [0]).dispose()
    choose(logits, { limit, nucleus: { temperature: 1, topP: 0.5, random: () => 0 } }, [0]).dispose()
  }
}
