import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op, Operand } from '../op'
import { asMatrix, format, sameShape, sizeOf } from '../shape'
import { expectFloats, expectType, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'
import { greatest } from './arg-max'

export interface SampleAttributes {
  /** Divides the scores. */
  readonly temperature: number
  /** The share of probability that the nucleus has at least; 1 for all columns. */
  readonly topP: number
  /** Columns that count, from the first on. */
  readonly limit: number
}

/** Below this, quotients of scores may exceed f32. */
const LEAST_TEMPERATURE = 1e-3

/** How often the interval of the nucleus's lowest score is halved: 20 / 2^32 is finer than f32. */
export const HALVINGS = 32

/** The share of probability below which a column is outside of every nucleus: what is beyond topP has fewer than `limit` columns. */
export const leastShare = ({ topP, limit }: SampleAttributes): number => (0.999 * (1 - topP)) / limit

// Scores are counted from the greatest, and stored, so that all kernels compare the same numbers. The nucleus has those from `low` on.
// Each kernel goes through a row once: some GPUs end a shader after 65,535 steps of its loops, whatever they are nested in.

const scored = kernel('sampleScores', [2, 1, 'float'], function (x, best, temperature) {
  let peak = best[this.thread.y]
  if (peak < 0) {
    peak = 0
  }
  return (x[this.thread.y][this.thread.x] - x[this.thread.y][peak]) / temperature
})

const massFrom = kernel('sampleMass', [2, 1, 'integer'], function (scores, lows, limit) {
  let mass = 0
  for (let d = 0; d < limit; d++) {
    if (scores[this.thread.x][d] >= lows[this.thread.x]) {
      mass += Math.exp(scores[this.thread.x][d])
    }
  }
  return mass
})

// Below every score; what is added is lost in it.
const everything = kernel('sampleEverything', [1], function (best) {
  return -3e38 + best[this.thread.x]
})

const floor = kernel('sampleFloor', [1, 'float'], function (totals, least) {
  return Math.log(least * totals[this.thread.x])
})

// The interval in which the nucleus ends: from `low` on, `2 * share` of its first width.
const halved = kernel(
  'sampleHalved',
  [2, 1, 1, 1, 'float', 'float', 'integer'],
  function (scores, totals, floors, lows, topP, share, limit) {
    const middle = lows[this.thread.x] + (1e-6 - floors[this.thread.x]) * share
    let above = 0
    for (let d = 0; d < limit; d++) {
      if (scores[this.thread.x][d] >= middle) {
        above += Math.exp(scores[this.thread.x][d])
      }
    }
    if (above >= topP * totals[this.thread.x]) {
      return middle
    }
    return lows[this.thread.x]
  },
)

const drawn = kernel('sample', [2, 1, 1, 1, 1, 'integer'], function (scores, best, lows, masses, numbers, limit) {
  if (best[this.thread.x] < 0) {
    return -1
  }
  let rest = numbers[this.thread.x] * masses[this.thread.x]
  let found = -1
  for (let d = 0; d < limit; d++) {
    if (scores[this.thread.x][d] >= lows[this.thread.x]) {
      const own = Math.exp(scores[this.thread.x][d])
      if (found < 0) {
        if (rest < own) {
          found = d
        }
      }
      rest -= own
    }
  }
  if (found < 0) {
    return best[this.thread.x]
  }
  return found
})

export const sampleOp: Op<SampleAttributes> = {
  name: 'sample',
  infer: ([x, numbers], { temperature, topP, limit }) => {
    expectFloats('sample', [x])
    expectType('sample', 'numbers', numbers, 'f32')
    const { rows, columns } = asMatrix(x.shape)
    if (!sameShape(numbers.shape, [rows]))
      throw new ShapeError('sample', `needs a number for each of ${rows} rows, found ${format(numbers.shape)}`)
    if (!Number.isInteger(limit) || limit < 1 || limit > columns)
      throw new ShapeError('sample', `a limit of ${limit} columns is not within ${format(x.shape)}`)
    if (!(temperature >= LEAST_TEMPERATURE && temperature < Number.POSITIVE_INFINITY))
      throw new ShapeError('sample', `a temperature of ${temperature}, expected at least ${LEAST_TEMPERATURE}`)
    if (!(topP > 0 && topP <= 1)) throw new ShapeError('sample', `topP is ${topP}, expected above 0 and at most 1`)
    return [spec([rows], 'i32')]
  },
  run: (dispatch, [x, numbers], attributes) => {
    const { rows, columns } = asMatrix(x.shape)
    const { temperature, topP, limit } = attributes
    const row = (made: Operand) => made.as(rows)
    const best = row(dispatch(greatest, [rows], [x.as(columns, rows), limit]))
    const scores = dispatch(scored, [limit, rows], [x.as(columns, rows), best, temperature]).as(limit, rows)
    const all = row(dispatch(everything, [rows], [best]))
    let [lows, masses] = [all, row(dispatch(massFrom, [rows], [scores, all, limit]))]
    if (topP < 1) {
      const totals = masses
      const floors = row(dispatch(floor, [rows], [totals, leastShare(attributes)]))
      lows = floors
      for (let i = 1; i <= HALVINGS; i++)
        lows = row(dispatch(halved, [rows], [scores, totals, floors, lows, topP, 2 ** -i, limit]))
      masses = row(dispatch(massFrom, [rows], [scores, lows, limit]))
    }
    return [dispatch(drawn, [rows], [scores, best, lows, masses, row(numbers), limit])]
  },
  reference: ([x, numbers], { temperature, topP, limit }) => {
    const { rows, columns } = asMatrix(x.shape)
    return [
      Float64Array.from({ length: rows }, (_, row) => {
        const scores = Array.from({ length: limit }, (_, d) => x.data[row * columns + d] / temperature)
        const max = Math.max(...scores)
        if (!Number.isFinite(max)) return -1
        const masses = scores.map(score => Math.exp(score - max))
        const total = masses.reduce((sum, mass) => sum + mass)
        const likely = masses.map((_, d) => d).sort((a, b) => masses[b] - masses[a] || a - b)
        let size = 0
        for (let sum = 0; size < limit && sum < topP * total; size++) sum += masses[likely[size]]
        const nucleus = likely.slice(0, size).sort((a, b) => a - b)
        const target = numbers.data[row] * nucleus.reduce((sum, d) => sum + masses[d], 0)
        let below = 0
        const found = nucleus.find(d => {
          below += masses[d]
          return target < below
        })
        return found ?? likely[0]
      }),
    ]
  },
  cost: ([x]) => ({ flops: 4 * sizeOf(x.shape), bytes: totalBytes(x) }),
}

/**
 * A column of each row, drawn from softmax(x / temperature) over the nucleus: the fewest most likely columns whose probabilities add up to
 * at least topP (Holtzman et al. 2020, section 3.1), with all that are as likely as the last of them. The number of the row is looked
 * up in their cumulative distribution, in the order of columns.
 * @param x f32 [..., columns]
 * @param numbers f32 [rows], at least 0 and below 1
 * @returns i32 [rows]; -1 for a row that holds NaN or whose greatest element is infinite
 * @throws ShapeError
 */
export const sample = (
  x: Tensor,
  numbers: Tensor,
  {
    temperature,
    topP,
    limit = x.shape[x.shape.length - 1],
  }: Omit<SampleAttributes, 'limit'> & { readonly limit?: number },
): Tensor => applyOne(sampleOp, [x, numbers], { temperature, topP, limit })
