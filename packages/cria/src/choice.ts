import type { Random } from '@cria/sampling'
import { argMax, sample, type Tensor } from '@cria/tensor'

/** How a device chooses the next id. */
export interface Choice {
  /** Only ids below this count. */
  readonly limit: number
  /** How the id is drawn; without it, the likeliest is taken. */
  readonly nucleus?: {
    readonly temperature: number
    readonly topP: number
    /** Gives the number for this id, then those for the ids after it. */
    readonly random: Random
  }
}

/** Whether two choices differ in their numbers at most. */
export const isSameChoice = (a: Choice, b: Choice): boolean =>
  a.limit === b.limit && a.nucleus?.temperature === b.nucleus?.temperature && a.nucleus?.topP === b.nucleus?.topP

/** @param numbers one for each row, used if ids are drawn @returns i32 [rows]; -1 for logits that are not numbers */
export const choose = (logits: Tensor, { limit, nucleus }: Choice, numbers: readonly number[]): Tensor => {
  if (!nucleus) return argMax(logits, limit)
  const { temperature, topP } = nucleus
  using drawn = logits.device.tensor(Float32Array.from(numbers), [numbers.length])
  return sample(logits, drawn, { temperature, topP, limit })
}
