import { type CacheType, cacheRowBytes, type SimdEngine } from '@cria/simd-kernels'
import { concatOp } from '../../ops/concat'
import { type CopyRowsAttributes, copyRowsOp } from '../../ops/copy-rows'
import { padOp, type SliceAttributes, sliceOp } from '../../ops/slice'
import { type TransposeAttributes, transposeExtents, transposeOp } from '../../ops/transpose'
import { around, sizeOf } from '../../shape'
import { type SimdKernel, simd } from './simd-kernel'

// Ops that only move rows: on the calling thread, over views of the memory.

/** Copies `count` runs of `length` floats, `stepFrom` and `stepTo` floats apart. */
const copyRuns = (
  engine: SimdEngine,
  from: number,
  to: number,
  { count, length, stepFrom, stepTo }: { count: number; length: number; stepFrom: number; stepTo: number },
): void => {
  for (let i = 0; i < count; i++)
    engine.f32(to + 4 * i * stepTo, length).set(engine.f32(from + 4 * i * stepFrom, length))
}

export const movingKernels: readonly SimdKernel[] = [
  simd(copyRowsOp, (engine, [out], [target, source], { from, to, count }: CopyRowsAttributes) => {
    // Rows of f16 and of blocks may begin between words, so bytes are moved.
    const rowBytes = cacheRowBytes(target.dtype as CacheType, sizeOf(target.shape) / target.shape[0])
    const sourceBytes = engine.u8(source.pointer + from * rowBytes, count * rowBytes)
    engine.u8(out + to * rowBytes, count * rowBytes).set(sourceBytes)
  }),

  simd(sliceOp, (engine, [out], [x], { axis, start, length }: SliceAttributes) => {
    const { outer, size, inner } = around('slice', x.shape, axis)
    const runs = { count: outer, length: length * inner, stepFrom: size * inner, stepTo: length * inner }
    copyRuns(engine, x.pointer + 4 * start * inner, out, runs)
  }),

  simd(padOp, (engine, [out], [x], { axis, start, size }) => {
    const { outer, size: length, inner } = around('pad', x.shape, axis)
    engine.f32(out, outer * size * inner).fill(0)
    const runs = { count: outer, length: length * inner, stepFrom: length * inner, stepTo: size * inner }
    copyRuns(engine, x.pointer, out + 4 * start * inner, runs)
  }),

  simd(concatOp, (engine, [out], [a, b], { axis }) => {
    const { outer, size, inner } = around('concat', a.shape, axis)
    const added = around('concat', b.shape, axis).size
    const stepTo = (size + added) * inner
    copyRuns(engine, a.pointer, out, { count: outer, length: size * inner, stepFrom: size * inner, stepTo })
    const behind = out + 4 * size * inner
    copyRuns(engine, b.pointer, behind, { count: outer, length: added * inner, stepFrom: added * inner, stepTo })
  }),

  simd(transposeOp, (engine, [out], [x], attributes: TransposeAttributes) => {
    const { outer, sizeA, middle, sizeB, inner } = transposeExtents(x.shape, attributes)
    const from = engine.f32(x.pointer, sizeOf(x.shape))
    const to = engine.f32(out, sizeOf(x.shape))
    let i = 0
    for (let o = 0; o < outer; o++)
      for (let b = 0; b < sizeB; b++)
        for (let m = 0; m < middle; m++)
          for (let a = 0; a < sizeA; a++) {
            const at = (((o * sizeA + a) * middle + m) * sizeB + b) * inner
            for (let n = 0; n < inner; n++) to[i++] = from[at + n]
          }
  }),
]
