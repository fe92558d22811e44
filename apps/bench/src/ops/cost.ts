import type { Cost, Device } from '@cria/tensor'
import { weightBytes } from '../inference/cost'
import type { OpCase } from './cases'

/**
 * What a case costs by its op's own model, which counts every number as f32: of a weight that is stored in less, less is
 * read.
 * @param shapes the device `shape`
 */
export const costOf = ({ prepare, weight }: OpCase, shapes: Device): Cost => {
  using _scope = shapes.scope()
  const { flops, bytes } = shapes.record(prepare(shapes)).cost
  return { flops, bytes: weight ? bytes - weight.read * (4 - weightBytes[weight.dtype]) : bytes }
}
