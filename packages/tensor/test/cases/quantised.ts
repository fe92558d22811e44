import type { DType } from '@cria/dtypes'
import type { Device } from '../../src/device'
import type { Values } from '../../src/op'
import { embedding, embeddingOp } from '../../src/ops/embedding'
import { linear, linearOp } from '../../src/ops/linear'
import { type Outcome, relativeError, TOLERANCE } from './check'
import { Draw } from './draw'

/** Elements of q8_0 and q4_0 that share a scale. */
const BLOCK = 32

const half = (value: number): { bits: number; value: number } => {
  const exponent = Math.max(-14, Math.floor(Math.log2(value)))
  const fraction = Math.round((value / 2 ** exponent - 1) * 1024)
  return { bits: ((exponent + 15) << 10) + fraction, value: (1 + fraction / 1024) * 2 ** exponent }
}

interface Encoded {
  readonly data: Uint16Array | Uint8Array
  /** What the bits stand for, by the formats' definitions. */
  readonly values: Float32Array
}

/** A random weight [out, in], and its elements as the definitions of f16, q8_0 and q4_0 give them. */
const drawWeight = (draw: Draw, dtype: Exclude<DType, 'f32'>, out: number, columns: number): Encoded => {
  const size = out * columns
  const values = new Float32Array(size)
  if (dtype === 'f16') {
    const data = Uint16Array.from({ length: size }, (_, i) => {
      const { bits, value } = half(draw.next() + 0.001)
      const negative = draw.next() < 0.5
      values[i] = negative ? -value : value
      return negative ? bits | 0x8000 : bits
    })
    return { data, values }
  }
  const valueBytes = dtype === 'q8_0' ? 32 : 16
  const data = new Uint8Array((size / 32) * (valueBytes + 2))
  for (let block = 0; block < size / 32; block++) {
    const at = block * (valueBytes + 2)
    const scale = half(0.01 + draw.next() / 20)
    data[at] = scale.bits & 255
    data[at + 1] = scale.bits >> 8
    for (let i = 0; i < valueBytes; i++) {
      const byte = draw.integer(0, 255)
      // The smallest byte is none that quantisation makes, and some hardware reads it as -127.
      data[at + 2 + i] = byte === 128 && dtype === 'q8_0' ? 129 : byte
      const stored = data[at + 2 + i]
      if (dtype === 'q8_0') values[block * 32 + i] = scale.value * (stored < 128 ? stored : stored - 256)
      else {
        values[block * 32 + i] = scale.value * ((stored & 15) - 8)
        values[block * 32 + 16 + i] = scale.value * ((stored >> 4) - 8)
      }
    }
  }
  return { data, values }
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

/** `linear` and `embedding` on a device's other weight types, against dequantise-then-multiply in float64. */
export const runQuantised = async (device: Device, seed: number): Promise<Outcome[]> => {
  const draw = new Draw(seed)
  const outcomes: Outcome[] = []
  for (const dtype of device.weightTypes) {
    if (dtype === 'f32') continue
    for (const [rows, columns, out] of shapes) {
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
      const roundsX = device.name === 'simd' && dtype !== 'f16'
      outcomes.push(
        {
          op: `linear ${dtype}`,
          shapes: at,
          error: relativeError(await y.read(), expected, typical),
          limit: TOLERANCE + (roundsX ? roundingBound(x, dense) / largest : 0),
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
