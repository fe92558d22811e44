import type { Cost, Device } from '@cria/tensor'
import type { OpCase } from './case'

/** The cost of a case by its op's own account. @param shapes the device `shape` */
export const costOf = ({ prepare }: OpCase, shapes: Device): Cost => {
  using _scope = shapes.scope()
  return shapes.record(prepare(shapes)).cost
}
