import { applyOne } from '../apply'
import { ShapeError } from '../errors'
import { kernel } from '../kernel'
import type { Op } from '../op'
import { asMatrix, format, sameShape, sizeOf } from '../shape'
import { expectFloats, expectType, spec, totalBytes } from '../spec'
import type { Tensor } from '../tensor'

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

// Scores are counted from the greatest. The nucleus has those from `low` on: their mass is enough, and that from `high` on is not.
// gpu.js wants another name for each variable.
const drawn = kernel(
  'sample',
  [2, 1, 'float', 'float', 'float', 'integer', 'integer'],
  function (x, numbers, temperature, topP, least, limit, halvings) {
    let best = 0
    let max = x[this.thread.x][0]
    let broken = 0
    for (let d = 0; d < limit; d++) {
      const value = x[this.thread.x][d]
      if (value > max) {
        max = value
        best = d
      } else {
        if (value <= max) {
        } else {
          broken = 1
        }
      }
    }
    if (max > 3.4028234e38) {
      broken = 1
    }
    if (broken > 0) {
      return -1
    }
    let total = 0
    for (let a = 0; a < limit; a++) {
      total += Math.exp((x[this.thread.x][a] - max) / temperature)
    }
    let low = -3e38
    let mass = total
    if (topP < 1) {
      low = Math.log(least * total)
      let high = 1e-6
      for (let i = 0; i < halvings; i++) {
        const middle = (low + high) / 2
        let above = 0
        for (let b = 0; b < limit; b++) {
          const scoreB = (x[this.thread.x][b] - max) / temperature
          if (scoreB >= middle) {
            above += Math.exp(scoreB)
          }
        }
        if (above >= topP * total) {
          low = middle
        } else {
          high = middle
        }
      }
      mass = 0
      for (let c = 0; c < limit; c++) {
        const scoreC = (x[this.thread.x][c] - max) / temperature
        if (scoreC >= low) {
          mass += Math.exp(scoreC)
        }
      }
    }
    let rest = numbers[this.thread.x] * mass
    let found = -1
    for (let e = 0; e < limit; e++) {
      const scoreE = (x[this.thread.x][e] - max) / temperature
      if (scoreE >= low) {
        const own = Math.exp(scoreE)
        if (found < 0) {
          if (rest < own) {
            found = e
          }
        }
        rest -= own
      }
    }
    if (found < 0) {
      return best
    }
    return found
  },
)

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
    const scalars = [temperature, topP, leastShare(attributes), limit, HALVINGS] as const
    return [dispatch(drawn, [rows], [x.as(columns, rows), numbers.as(rows), ...scalars])]
  },
  reference: ([x, numbers], { temperature, topP, limit }) => {
    const { rows, columns } = asMatrix(x.shape)
    return [
      Float64Array.from({ length: rows }, (_, row) => {
        const scores = Array.from({ length: limit }, (_, d) => x.data[row * columns + d] / temperature)
        const max = Math.max(...scores)
        if (Number.isNaN(max) || max === Number.POSITIVE_INFINITY) return -1
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
