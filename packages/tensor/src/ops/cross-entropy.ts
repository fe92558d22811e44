import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sizeOf } from '../shape'
import { expectFloats, expectType, type Spec, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { dispatchSoftmaxSums, referenceRow } from './softmax-rows'

const lossOf = kernel('crossEntropy', [2, 1, 1, 1], function (logits, targets, max, sum) {
  const target = targets[this.thread.x]
  let loss = 0
  if (target >= 0) {
    loss = Math.log(sum[this.thread.x]) + max[this.thread.x] - logits[this.thread.x][target]
  }
  return loss
})

const gradientOf = kernel('crossEntropyBackward', [2, 1, 1, 1, 1], function (logits, targets, max, sum, dlosses) {
  const target = targets[this.thread.y]
  let share = 0
  if (target >= 0) {
    share = Math.exp(logits[this.thread.y][this.thread.x] - max[this.thread.y]) / sum[this.thread.y]
    if (target === this.thread.x) {
      share -= 1
    }
  }
  return share * dlosses[this.thread.y]
})

const check = (op: string, logits: Spec, targets: Spec): number => {
  expectFloats(op, [logits])
  expectType(op, 'targets', targets, 'i32')
  const { rows } = asMatrix(logits.shape)
  if (logits.shape.length !== 2 || targets.shape.length !== 1 || targets.shape[0] !== rows)
    throw new ShapeError(
      op,
      `logits [N, vocab] ${format(logits.shape)} do not fit targets [N] ${format(targets.shape)}`,
    )
  return rows
}

/** Gradient of `crossEntropy` by the logits, recomputed from them: no softmax is stored. */
export const crossEntropyBackwardOp: Op<undefined> = {
  name: 'crossEntropyBackward',
  infer: ([logits, targets, dlosses]) => {
    const rows = check('crossEntropyBackward', logits, targets)
    if (dlosses.shape.length !== 1 || dlosses.shape[0] !== rows)
      throw new ShapeError('crossEntropyBackward', `needs gradients [${rows}], found ${format(dlosses.shape)}`)
    return [logits]
  },
  run: (dispatch, [logits, targets, dlosses]) => {
    const { rows, columns } = asMatrix(logits.shape)
    const { max, sum } = dispatchSoftmaxSums(dispatch, logits)
    const args = [logits.as(columns, rows), targets.as(rows), max, sum, dlosses.as(rows)] as const
    return [dispatch(gradientOf, [columns, rows], args)]
  },
  reference: ([logits, targets, dlosses]) => {
    const { rows, columns } = asMatrix(logits.shape)
    const dx = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      if (targets.data[row] < 0) continue
      for (const [d, share] of referenceRow(logits, row).shares.entries())
        dx[row * columns + d] = (share - (d === targets.data[row] ? 1 : 0)) * dlosses.data[row]
    }
    return [dx]
  },
  cost: ([logits, targets, dlosses]) => ({
    flops: 6 * sizeOf(logits.shape),
    bytes: totalBytes(logits, logits, targets, dlosses),
  }),
}

export const crossEntropyOp: Op<undefined> = {
  name: 'crossEntropy',
  infer: ([logits, targets]) => [spec([check('crossEntropy', logits, targets)])],
  run: (dispatch, [logits, targets]) => {
    const { rows, columns } = asMatrix(logits.shape)
    const { max, sum } = dispatchSoftmaxSums(dispatch, logits)
    return [dispatch(lossOf, [rows], [logits.as(columns, rows), targets.as(rows), max, sum])]
  },
  reference: ([logits, targets]) => {
    const { rows, columns } = asMatrix(logits.shape)
    const lossAt = (row: number) => {
      const target = targets.data[row]
      return target < 0 ? 0 : referenceRow(logits, row).logSum - logits.data[row * columns + target]
    }
    return [Float64Array.from({ length: rows }, (_, row) => lossAt(row))]
  },
  cost: ([logits, targets]) => ({ flops: 4 * sizeOf(logits.shape), bytes: totalBytes(logits, targets) }),
  gradient: {
    inputs: [0, 1],
    of: ({ inputs: [logits, targets] }, [dy]) => [applyOne(crossEntropyBackwardOp, [logits, targets, dy], undefined)],
  },
}

/**
 * The loss of each token, `-ln softmax(logits)[target]`, in nats.
 * @param logits f32 [N, vocab]
 * @param targets i32 [N], below vocab; one below 0 is ignored and has loss 0
 * @returns f32 [N]
 * @throws ShapeError
 */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  applyOne(crossEntropyOp, [logits, targets], undefined)
