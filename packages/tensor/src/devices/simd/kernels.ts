import type { CacheType } from '@cria/simd-kernels'
import type { Op } from '../../op'
import { type AdamWAttributes, adamwOp, clipFactorOp, globalNormOp } from '../../ops/adamw'
import { addOp } from '../../ops/add'
import { addBiasOp, sumRowsOp } from '../../ops/add-bias'
import { type ArgMaxAttributes, argMaxOp } from '../../ops/arg-max'
import { attentionOp, attentionWeightsOp } from '../../ops/attention'
import { attentionBackwardOp } from '../../ops/attention-backward'
import type { AttentionAttributes } from '../../ops/attention-shape'
import { crossEntropyBackwardOp, crossEntropyOp } from '../../ops/cross-entropy'
import { embeddingBackwardOp, embeddingOp } from '../../ops/embedding'
import { geluBackwardOp, geluOp } from '../../ops/gelu'
import { layerNormBackwardOp, layerNormOp } from '../../ops/layer-norm'
import { linearOp } from '../../ops/linear'
import { type MatmulAttributes, matmulOp } from '../../ops/matmul'
import { mulOp } from '../../ops/mul'
import { reluBackwardOp, reluOp } from '../../ops/relu'
import { rmsNormBackwardOp, rmsNormOp } from '../../ops/rms-norm'
import { type RopeAttributes, ropeOp } from '../../ops/rope'
import { type SampleAttributes, sampleOp } from '../../ops/sample'
import { scaleOp } from '../../ops/scale'
import { siluMulBackwardOp, siluMulOp } from '../../ops/silu-mul'
import { softmaxBackwardOp, softmaxOp } from '../../ops/softmax'
import { expandOp, sumOp } from '../../ops/sum'
import { writeRowsOp } from '../../ops/write-rows'
import { asMatrix, sizeOf } from '../../shape'
import { compositeKernels } from './composites'
import { movingKernels } from './moving'
import { asWeight, type SimdInput, type SimdKernel, simd } from './simd-kernel'

const elementwise = (op: Op<undefined>, kernel: 'relu' | 'gelu') =>
  simd(op, (engine, [out], [x]) => engine[kernel](x.pointer, out, sizeOf(x.shape)))

const binary = (op: Op<undefined>, kernel: 'add' | 'mul' | 'siluMul' | 'reluBackward' | 'geluBackward') =>
  simd(op, (engine, [out], [a, b]) => engine[kernel](a.pointer, b.pointer, out, sizeOf(a.shape)))

const attentionSize = (q: SimdInput, k: SimdInput, { scale }: AttentionAttributes) => {
  const [tokens, heads, headDim] = q.shape
  const [rows, kvHeads] = k.shape
  return { tokens, heads, kvHeads, headDim, rows, scale: scale ?? 1 / Math.sqrt(headDim) }
}

/** A column, drawn from the nucleus of scores. */
const drawn = (scores: Float32Array, number: number, { temperature, topP }: SampleAttributes): number => {
  const max = scores.reduce((most, score) => Math.max(most, score))
  if (!Number.isFinite(max)) return -1
  const masses = Float64Array.from(scores, score => Math.exp((score - max) / temperature))
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  // The least likely go first, as long as the others are enough.
  const inOrder = masses.toSorted()
  let kept = total
  let at = 0
  while (at < inOrder.length - 1 && kept - inOrder[at] >= topP * total) kept -= inOrder[at++]
  const lowest = topP === 1 ? 0 : inOrder[at]
  let rest = number * masses.reduce((sum, mass) => (mass >= lowest ? sum + mass : sum), 0)
  let last = 0
  for (const [column, mass] of masses.entries()) {
    if (mass < lowest || mass === 0) continue
    last = column
    if (rest < mass) break
    rest -= mass
  }
  return last
}

/** The ops that the engine's kernels run. */
export const simdKernels: readonly SimdKernel[] = [
  simd(linearOp, (engine, [out], [x, weight]) =>
    engine.linear(x.pointer, asWeight(weight), out, asMatrix(x.shape).rows),
  ),

  simd(embeddingOp, (engine, [out], [ids, weight]) =>
    engine.embedding(asWeight(weight), ids.pointer, out, sizeOf(ids.shape)),
  ),

  simd(matmulOp, (engine, [out], [a, b], { transposeA, transposeB }: MatmulAttributes) => {
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
  }),

  simd(attentionOp, (engine, [out], [q, k, v, first, last], attributes) =>
    engine.attention(q.pointer, k.pointer, v.pointer, first.pointer, last.pointer, out, {
      ...attentionSize(q, k, attributes),
      cache: k.dtype as CacheType,
    }),
  ),

  simd(attentionWeightsOp, (engine, [out], [q, k, first, last], attributes) =>
    engine.attentionWeights(q.pointer, k.pointer, first.pointer, last.pointer, out, {
      ...attentionSize(q, k, attributes),
      cache: k.dtype as CacheType,
      width: attributes.span,
    }),
  ),

  simd(attentionBackwardOp, (engine, [dq, dk, dv], [q, k, v, first, last, dy], attributes) => {
    const inputs = [q.pointer, k.pointer, v.pointer, first.pointer, last.pointer, dy.pointer] as const
    engine.attentionBackward(...inputs, dq, dk, dv, attentionSize(q, k, attributes))
  }),

  simd(ropeOp, (engine, [out], [x, cosines, sines, positions], { pairing, inverse }: RopeAttributes) => {
    const [rows, heads, headDim] = x.shape
    const size = { rows, heads, headDim, pairing, inverse }
    engine.rope(x.pointer, cosines.pointer, sines.pointer, positions.pointer, out, size)
  }),

  simd(writeRowsOp, (engine, [out], [target, source, rows]) => {
    const [tokens] = source.shape
    const width = sizeOf(source.shape) / tokens
    engine.writeRows(out, source.pointer, rows.pointer, { tokens, width, dtype: target.dtype as CacheType })
  }),

  simd(rmsNormOp, (engine, [out], [x, weight], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.rmsNorm(x.pointer, weight.pointer, out, rows, columns, eps)
  }),

  simd(rmsNormBackwardOp, (engine, [dx, dweight], [x, weight, dy], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.rmsNormBackward(x.pointer, weight.pointer, dy.pointer, dx, dweight, rows, columns, eps)
  }),

  simd(layerNormOp, (engine, [out], [x, weight, bias], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.layerNorm(x.pointer, weight.pointer, bias.pointer, out, rows, columns, eps)
  }),

  simd(layerNormBackwardOp, (engine, [dx, dweight, dbias], [x, weight, dy], { eps }) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.layerNormBackward(x.pointer, weight.pointer, dy.pointer, dx, dweight, dbias, rows, columns, eps)
  }),

  simd(softmaxOp, (engine, [out], [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.softmax(x.pointer, out, rows, columns)
  }),

  simd(softmaxBackwardOp, (engine, [out], [y, dy]) => {
    const { rows, columns } = asMatrix(y.shape)
    engine.softmaxBackward(y.pointer, dy.pointer, out, rows, columns)
  }),

  simd(crossEntropyOp, (engine, [out], [logits, targets]) => {
    const { rows, columns } = asMatrix(logits.shape)
    engine.crossEntropy(logits.pointer, targets.pointer, out, rows, columns)
  }),

  simd(crossEntropyBackwardOp, (engine, [out], [logits, targets, dlosses]) => {
    const { rows, columns } = asMatrix(logits.shape)
    engine.crossEntropyBackward(logits.pointer, targets.pointer, dlosses.pointer, out, rows, columns)
  }),

  simd(argMaxOp, (engine, [out], [x], { limit }: ArgMaxAttributes) => {
    const { rows, columns } = asMatrix(x.shape)
    engine.argMax(x.pointer, rows, columns, limit, out)
  }),

  simd(sampleOp, (engine, [out], [x, numbers], attributes: SampleAttributes) => {
    const { rows, columns } = asMatrix(x.shape)
    const found = engine.u32(out, rows)
    for (let row = 0; row < rows; row++) {
      const scores = engine.f32(x.pointer + 4 * row * columns, attributes.limit)
      found[row] = drawn(scores, engine.f32(numbers.pointer, rows)[row], attributes)
    }
  }),

  simd(embeddingBackwardOp, (engine, [out], [ids, dy], _attributes, [{ shape }]) => {
    const [vocab, width] = shape
    engine.f32(out, vocab * width).fill(0)
    engine.embeddingBackward(ids.pointer, dy.pointer, out, { rows: sizeOf(ids.shape), width, vocab })
  }),

  binary(addOp, 'add'),
  binary(mulOp, 'mul'),
  binary(siluMulOp, 'siluMul'),
  binary(reluBackwardOp, 'reluBackward'),
  binary(geluBackwardOp, 'geluBackward'),
  elementwise(reluOp, 'relu'),
  elementwise(geluOp, 'gelu'),

  simd(scaleOp, (engine, [out], [x], { factor }) => engine.scale(x.pointer, factor, out, sizeOf(x.shape))),

  simd(siluMulBackwardOp, (engine, [da, db], [a, b, dy]) =>
    engine.siluMulBackward(a.pointer, b.pointer, dy.pointer, da, db, sizeOf(a.shape)),
  ),

  simd(sumOp, (engine, [out], [x]) => {
    engine.f32(out, 1)[0] = engine.sum(x.pointer, sizeOf(x.shape))
  }),

  simd(expandOp, (engine, [out], [x], { shape }) => {
    const [value] = engine.f32(x.pointer, 1)
    engine.f32(out, sizeOf(shape)).fill(value)
  }),

  simd(globalNormOp, (engine, [out], inputs) => {
    let sum = 0
    for (const { pointer, shape } of inputs) sum += engine.sumSquares(pointer, sizeOf(shape))
    engine.f32(out, 1)[0] = Math.sqrt(sum)
  }),

  simd(clipFactorOp, (engine, [out], [norm], { maxNorm }) => {
    const [value] = engine.f32(norm.pointer, 1)
    engine.f32(out, 1)[0] = value > maxNorm ? maxNorm / value : 1
  }),

  simd(adamwOp, (engine, _out, [parameter, m, v, gradient, factor], attributes: AdamWAttributes) => {
    const { lr, beta1, beta2, eps, weightDecay, step } = attributes
    engine.adamw(parameter.pointer, m.pointer, v.pointer, gradient.pointer, sizeOf(parameter.shape), {
      ...{ lr, beta1, beta2, eps, weightDecay },
      correction1: 1 - beta1 ** step,
      correction2: 1 - beta2 ** step,
      factor: engine.f32(factor.pointer, 1)[0],
    })
  }),

  simd(addBiasOp, (engine, [out], [x, bias]) => {
    const { rows, columns } = asMatrix(x.shape)
    const [from, added, to] = [
      engine.f32(x.pointer, rows * columns),
      engine.f32(bias.pointer, columns),
      engine.f32(out, rows * columns),
    ]
    for (let row = 0, i = 0; row < rows; row++) for (let d = 0; d < columns; d++, i++) to[i] = from[i] + added[d]
  }),

  simd(sumRowsOp, (engine, [out], [x]) => {
    const { rows, columns } = asMatrix(x.shape)
    const from = engine.f32(x.pointer, rows * columns)
    const sums = new Float64Array(columns)
    for (let row = 0, i = 0; row < rows; row++) for (let d = 0; d < columns; d++, i++) sums[d] += from[i]
    engine.f32(out, columns).set(sums)
  }),

  ...movingKernels,
  ...compositeKernels,
]
