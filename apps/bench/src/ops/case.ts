import type { Device, Shape, Tensor } from '@cria/tensor'
import { counted } from '../report/format'
import { random } from './inputs'

/** An op on inputs of the sizes that it has in a model of 110M parameters. */
export interface OpCase {
  /** As the report calls it: the op, and the type of its weights if that may vary. */
  readonly name: string
  readonly op: string
  readonly tokens: number
  /** Makes the inputs. The result runs the op on them, as often as it is called. */
  prepare(device: Device): () => Tensor
}

/** A case whose inputs are random numbers of these shapes. */
export const onRandom = (
  op: string,
  tokens: number,
  shapes: readonly Shape[],
  run: (...x: Tensor[]) => Tensor,
): OpCase => ({
  name: op,
  op,
  tokens,
  prepare: device => {
    const inputs = shapes.map(shape => random(device, shape))
    return () => run(...inputs)
  },
})

/** Sizes of stories110M: one layer, and a cache that holds 128 tokens at the end. */
export const size = { dim: 768, hidden: 2048, vocab: 32_000, heads: 12, headDim: 64, context: 128, eps: 1e-5 } as const

/** Title of a case, different from all others. */
export const titleOf = ({ name, tokens }: OpCase): string => `${name}, ${counted(tokens, 'token')}`

/** Title of a row for one implementation of a case. */
export const implementationTitle = (one: OpCase, implementation: string): string => `${titleOf(one)}: ${implementation}`

/** Title of the case of a row. */
export const caseTitle = (row: string): string => row.split(': ')[0]
