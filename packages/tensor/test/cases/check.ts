import { apply } from '../../src/apply'
import type { Device } from '../../src/device'
import { type Case, Draw, drawCases } from './index'

/** Largest error of a case, relative to the largest value of its reference, and how large it may be. */
export interface Outcome {
  readonly op: string
  readonly shapes: string
  readonly error: number
  readonly limit: number
}

/** The largest rounding error of f32 in any op. */
export const TOLERANCE = 1e-5

/** @param typical see {@link Case.typical} */
export const relativeError = (found: ArrayLike<number>, expected: ArrayLike<number>, typical = 0): number => {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY
  let worst = 0
  let largest = typical
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i] - expected[i])
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
    largest = Math.max(largest, Math.abs(expected[i]))
  }
  return largest === 0 ? worst : worst / largest
}

/** The largest error among the outputs of a case. */
export const runCase = async (device: Device, { op, inputs, attributes, typical }: Case): Promise<Outcome> => {
  using _scope = device.scope()
  const tensors = inputs.map(({ data, shape, dtype }) =>
    device.tensor(dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data), shape, dtype),
  )
  const results = apply(op, tensors, attributes)
  const shapes = `${inputs.map(({ shape }) => `[${shape}]`).join(' ')} ${JSON.stringify(attributes) ?? ''}`
  const expected = op.reference(inputs, attributes)
  let error = results.length === expected.length ? 0 : Number.POSITIVE_INFINITY
  for (const [i, result] of results.entries())
    error = Math.max(error, relativeError(await result.read(), expected[i], typical))
  return { op: op.name, shapes, error, limit: TOLERANCE }
}

/** Runs every case on a device, one after the other; or those of some ops. */
export const runCases = async (device: Device, seed: number, ops?: readonly string[]): Promise<Outcome[]> => {
  const outcomes: Outcome[] = []
  for (const one of drawCases(new Draw(seed)))
    if (!ops || ops.includes(one.op.name)) outcomes.push(await runCase(device, one))
  return outcomes
}
