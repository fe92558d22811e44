import type { Device } from '../../src/device'
import { apply } from '../../src/tensor'
import { type Case, Draw, drawCases } from './index'

/** Largest error of a case, relative to the largest value of its reference, and how large it may be. */
export interface Outcome {
  readonly op: string
  readonly shapes: string
  readonly error: number
  readonly limit: number
}

/** What the rounding of f32 may amount to in any op. */
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

export const runCase = async (device: Device, { op, inputs, attributes, typical }: Case): Promise<Outcome> => {
  using _scope = device.scope()
  const tensors = inputs.map(({ data, shape }) => device.tensor(Float32Array.from(data), shape))
  const result = apply(op, tensors, attributes)
  const shapes = `${inputs.map(({ shape }) => `[${shape}]`).join(' ')} ${JSON.stringify(attributes) ?? ''}`
  const error = relativeError(await result.read(), op.reference(inputs, attributes), typical)
  return { op: op.name, shapes, error, limit: TOLERANCE }
}

/** Runs every case on a device, one after the other. */
export const runCases = async (device: Device, seed: number): Promise<Outcome[]> => {
  const outcomes: Outcome[] = []
  for (const one of drawCases(new Draw(seed))) outcomes.push(await runCase(device, one))
  return outcomes
}
