import { byteLength, type DType, decode, dtypes, floatToBfloat, floatToHalf } from '@cria/dtypes'
import type { Device } from '../../src/device'
import type { Values } from '../../src/op'
import { embedding, embeddingOp } from '../../src/ops/embedding'
import { linear, linearOp } from '../../src/ops/linear'
import { linearAdd, linearAddOp } from '../../src/ops/linear-add'
import { type Outcome, relativeError, TOLERANCE } from './check'
import { Draw } from './draw'

/** Elements of x that are rounded together, where a device rounds x to int8. */
const BLOCK = 32

/** Where the f16 scales and minima of a block lie, in bytes from its start. */
const halves: Readonly<Partial<Record<DType, readonly number[]>>> = {
  ...{ q8_0: [0], q4_0: [0], q5_0: [0], iq4_nl: [0], iq4_xs: [0], q4_1: [0, 2], q5_1: [0, 2] },
  ...{ q2_k: [80, 82], q3_k: [108], q4_k: [0, 2], q5_k: [0, 2], q6_k: [208] },
}

interface Encoded {
  readonly data: Uint16Array | Uint8Array
  /** What the bits stand for. */
  readonly values: Float32Array
}

/** A random weight [out, in], and its elements as the definition of its type gives them. */
export const drawWeight = (draw: Draw, dtype: DType, out: number, columns: number): Encoded => {
  const size = out * columns
  const values = new Float32Array(size)
  const bytes = new Uint8Array(byteLength(dtype, size))
  const scales = halves[dtype]
  if (scales) {
    const { blockBytes } = dtypes[dtype]
    for (let i = 0; i < bytes.length; i++) {
      const byte = draw.integer(0, 255)
      // Quantisation to q8_0 never makes the smallest byte, and some hardware reads it as -127.
      bytes[i] = byte === 128 && dtype === 'q8_0' ? 129 : byte
    }
    for (let block = 0; block < bytes.length; block += blockBytes)
      for (const offset of scales) setHalf(bytes, block + offset, floatToHalf(0.01 + draw.next() / 20))
  } else {
    const bits = dtype === 'f16' ? floatToHalf : floatToBfloat
    for (let i = 0; i < size; i++) setHalf(bytes, 2 * i, bits((draw.next() + 0.001) * (draw.next() < 0.5 ? -1 : 1)))
  }
  decode(dtype, bytes, values)
  return { data: scales ? bytes : new Uint16Array(bytes.buffer), values }
}

const setHalf = (bytes: Uint8Array, at: number, bits: number): void => {
  bytes[at] = bits & 255
  bytes[at + 1] = bits >> 8
}

const shapes = [
  // rows, in, out
  [1, 32, 1],
  [1, 64, 5],
  [1, 352, 33],
  [3, 96, 130],
  [8, 64, 64],
  [9, 32, 31],
  [70, 288, 67],
] as const

/**
 * How far from the product a device may be that rounds x to int8 in blocks of 32 as well. Each of x moves by up to 1/254 of its
 * block's largest, either way; a sum of such moves stays within six of its standard deviations.
 */
const roundingBound = (x: Values, weight: Values): number => {
  const variances = Float64Array.from(x.data, (_, i) => {
    const block = Array.from({ length: BLOCK }, (_, c) => Math.abs(x.data[i - (i % BLOCK) + c]))
    return (Math.max(...block) / 254) ** 2 / 3
  })
  const squares = { shape: weight.shape, data: Float64Array.from(weight.data, value => value * value) }
  const [sums] = linearOp.reference([{ shape: x.shape, data: variances }, squares], undefined)
  return 6 * Math.sqrt(sums.reduce((most, sum) => Math.max(most, sum)))
}

/**
 * `linear` and `embedding` on a device's other weight types, against dequantise-then-multiply in float64.
 * @param roundsX whether x of quantised weights is rounded to int8
 */
export const runQuantised = async (
  device: Device,
  seed: number,
  roundsX = device.name === 'simd',
): Promise<Outcome[]> => {
  const draw = new Draw(seed)
  const outcomes: Outcome[] = []
  for (const dtype of device.weightTypes) {
    if (dtype === 'f32') continue
    for (const [rows, narrow, out] of shapes) {
      const columns = narrow * (dtypes[dtype].blockElements / BLOCK > 1 ? 8 : 1)
      using _scope = device.scope()
      const { data, values } = drawWeight(draw, dtype, out, columns)
      const weight = device.tensor(data, [out, columns], dtype)
      const dense: Values = { shape: [out, columns], data: values }
      const x = draw.normal(rows, columns)
      const ids = draw.ids(out, rows)
      const y = linear(device.tensor(Float32Array.from(x.data), x.shape), weight)
      const picked = embedding(device.tensor(Int32Array.from(ids.data), ids.shape), weight)
      const at = `${dtype} ${rows}x${columns}x${out}`
      const [expected] = linearOp.reference([x, dense], undefined)
      const typical = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / out)
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), typical)
      outcomes.push(
        {
          op: `linear ${dtype}`,
          shapes: at,
          error: relativeError(await y.read(), expected, typical),
          limit: TOLERANCE + (roundsX && dtypes[dtype].kind === 'block' ? roundingBound(x, dense) / largest : 0),
        },
        {
          op: `embedding ${dtype}`,
          shapes: at,
          error: relativeError(await picked.read(), embeddingOp.reference([ids, dense], undefined)[0]),
          limit: TOLERANCE,
        },
      )
    }
  }
  return outcomes
}

/** Numbers that are whole multiples of 1/127 of the largest of their block, which is 127 times a power of two, or zero. */
const drawOnGrid = (draw: Draw, rows: number, columns: number): Values => {
  const data = new Float64Array(rows * columns)
  for (let block = 0; block < data.length; block += BLOCK) {
    const scale = draw.next() < 0.1 ? 0 : 2 ** draw.integer(-6, 6)
    for (let i = 0; i < BLOCK; i++) data[block + i] = scale * draw.integer(-127, 127)
    data[block + draw.integer(0, BLOCK - 1)] = scale * (draw.next() < 0.5 ? -127 : 127)
  }
  return { shape: [rows, columns], data }
}

/** `linearAdd` with quantised weights and x that int8 holds exactly: who rounds x to int8 is as right as others. */
export const runOnGrid = async (device: Device, seed: number): Promise<Outcome[]> => {
  const draw = new Draw(seed)
  const outcomes: Outcome[] = []
  for (const dtype of device.weightTypes.filter(type => dtypes[type].kind === 'block'))
    for (const [rows, narrow, out] of shapes) {
      const columns = Math.max(narrow, dtypes[dtype].blockElements)
      if (columns % dtypes[dtype].blockElements !== 0) continue
      using _scope = device.scope()
      const { data, values } = drawWeight(draw, dtype, out, columns)
      const dense: Values = { shape: [out, columns], data: values }
      const x = drawOnGrid(draw, rows, columns)
      const residual = draw.normal(rows, out)
      const upload = ({ data, shape }: Values) => device.tensor(Float32Array.from(data), shape)
      const y = linearAdd(upload(x), device.tensor(data, [out, columns], dtype), upload(residual))
      const [expected] = linearAddOp.reference([x, dense, residual], undefined)
      const size = (all: ArrayLike<number>) => Math.sqrt(Array.from(all).reduce((sum, one) => sum + one * one, 0))
      const typical = (size(values) / Math.sqrt(out)) * (size(x.data) / Math.sqrt(x.data.length))
      const error = relativeError(await y.read(), expected, typical)
      outcomes.push({
        op: `linearAdd ${dtype}`,
        shapes: `${rows}x${columns}x${out} on a grid`,
        error,
        limit: TOLERANCE,
      })
    }
  return outcomes
}
