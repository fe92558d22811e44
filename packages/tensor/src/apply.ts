import type { Op } from './op'
import type { Tensor } from './tensor'

/**
 * Applies an op to tensors of one device; see `Device.apply`.
 * @returns the outputs; one in place is the input tensor that it changed
 * @throws ShapeError @throws UnsupportedOpError @throws DisposedError @throws DeviceClosedError
 */
export const apply = <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] =>
  inputs[0].device.apply(op, inputs, attributes)

/** {@link apply} for an op of one output. */
export const applyOne = <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor =>
  inputs[0].device.apply(op, inputs, attributes)[0]
