import type { SimdEngine, Weight } from '@cria/simd-kernels'
import type { AttentionAttributes } from '../../ops/attention'
import type { MatmulAttributes } from '../../ops/matmul'
import type { RopePairing } from '../../ops/rope'
import type { SliceAttributes } from '../../ops/slice'
import { around, asMatrix, type Shape, sizeOf } from '../../shape'

/** An input in an engine's memory. */
export interface SimdInput {
  readonly pointer: number
  readonly shape: Shape
  /** Of f16, q8_0 and q4_0, which lie in the order in which the kernels read them. */
  readonly weight?: Weight | undefined
}

/** Runs one op on an engine, and gives false where it has no kernel for this call. */
type SimdTwin = (engine: SimdEngine, out: number, inputs: readonly SimdInput[], attributes: never) => unknown

/** An input as a weight: packed as such when it was uploaded, or f32 rows as any tensor's. */
const asWeight = ({ weight, pointer, shape: [out, columns] }: SimdInput): Weight =>
  weight ?? { dtype: 'f32', pointer, bytes: 4 * out * columns, out, in: columns }

/** The ops that the engine's kernels do. */
export const twins: Readonly<Record<string, SimdTwin>> = {
  linear: (engine, out, [x, weight]) => engine.linear(x.pointer, asWeight(weight), out, asMatrix(x.shape).rows),

  embedding: (engine, out, [ids, weight]) => {
    const count = sizeOf(ids.shape)
    const whole = engine.alloc(4 * count)
    engine.u32(whole, count).set(engine.f32(ids.pointer, count))
    engine.embedding(asWeight(weight), whole, out, count)
    engine.free(whole)
  },

  matmul: (engine, out, [a, b], { transposeA, transposeB }: MatmulAttributes) => {
    const [rows, columns] = a.shape.slice(-2)
    const [m, k] = transposeA ? [columns, rows] : [rows, columns]
    const n = b.shape[b.shape.length - (transposeB ? 2 : 1)]
    for (let batch = 0; batch < sizeOf(a.shape) / (m * k); batch++)
      engine.matmul(
        a.pointer + 4 * batch * m * k,
        b.pointer + 4 * batch * k * n,
        out + 4 * batch * m * n,
        { m, n, k },
        { a: transposeA, b: transposeB },
      )
  },

  attention: (engine, out, [q, k, v], { position }: AttentionAttributes) => {
    const [batch, tokens, heads, headDim] = q.shape
    const [, capacity, kvHeads] = k.shape
    for (let b = 0; b < batch; b++) {
      const queries = 4 * b * tokens * heads * headDim
      const rows = 4 * b * capacity * kvHeads * headDim
      const size = { tokens, position, heads, kvHeads, headDim }
      engine.attention(q.pointer + queries, k.pointer + rows, v.pointer + rows, out + queries, size)
    }
  },

  rope: (engine, out, [x, cosines, sines], { pairing }: { pairing: RopePairing }) => {
    if (pairing !== 'interleaved') return false
    const [batch, tokens, heads, headDim] = x.shape
    return engine.rope(x.pointer, cosines.pointer, sines.pointer, out, { rows: batch * tokens, tokens, heads, headDim })
  },

  rmsNorm: (engine, out, [x, weight], { eps }: { eps: number }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.rmsNorm(x.pointer, weight.pointer, out, rows, columns, eps)
  },

  layerNorm: (engine, out, [x, weight, bias], { eps }: { eps: number }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.layerNorm(x.pointer, weight.pointer, bias.pointer, out, rows, columns, eps)
  },

  softmax: (engine, out, [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.softmax(x.pointer, out, rows, columns)
  },

  siluMul: (engine, out, [a, b]) => engine.siluMul(a.pointer, b.pointer, out, sizeOf(a.shape)),

  add: (engine, out, [a, b]) => engine.add(a.pointer, b.pointer, out, sizeOf(a.shape)),

  writeRows: (engine, out, [target, source], { row }: { row: number }) => {
    const [batch, rows] = target.shape
    const width = sizeOf(target.shape) / (batch * rows)
    const count = sizeOf(source.shape) / batch
    for (let b = 0; b < batch; b++)
      engine.f32(out + 4 * (b * rows + row) * width, count).set(engine.f32(source.pointer + 4 * b * count, count))
  },

  slice: (engine, out, [x], { axis, start, length }: SliceAttributes) => {
    const { outer, size, inner } = around('slice', x.shape, axis)
    for (let o = 0; o < outer; o++)
      engine
        .f32(out + 4 * o * length * inner, length * inner)
        .set(engine.f32(x.pointer + 4 * (o * size + start) * inner, length * inner))
  },
}
