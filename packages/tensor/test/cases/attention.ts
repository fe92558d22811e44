import type { AttentionAttributes } from '../../src/ops/attention-shape'
import type { Draw, Input } from './draw'

/** How the ranges of rows are drawn: what one sequence sees, a sliding window, packed documents, or any ranges. */
type Mask = 'causal' | 'window' | 'documents' | 'any'

export interface AttentionSize {
  readonly tokens: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Rows before the first token's. */
  readonly before: number
  /** Rows that nobody sees, at the end. */
  readonly spare: number
  readonly mask: Mask
}

const size = (
  tokens: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  before: number,
  spare: number,
  mask: Mask,
) => ({
  ...{ tokens, heads, kvHeads, headDim, before, spare, mask },
})

export const attentionSizes: readonly AttentionSize[] = [
  size(1, 1, 1, 1, 0, 0, 'causal'),
  size(1, 1, 1, 2, 0, 3, 'causal'),
  size(4, 2, 2, 8, 0, 0, 'causal'),
  size(1, 8, 4, 8, 9, 5, 'causal'),
  size(3, 8, 8, 4, 5, 1, 'causal'),
  size(3, 8, 4, 4, 5, 1, 'window'),
  size(3, 8, 2, 4, 5, 1, 'any'),
  size(3, 8, 1, 4, 5, 1, 'causal'),
  size(5, 6, 3, 10, 2, 0, 'any'),
  size(5, 6, 2, 10, 2, 0, 'window'),
  size(5, 6, 1, 10, 2, 0, 'causal'),
  size(7, 3, 1, 5, 0, 9, 'documents'),
  size(7, 3, 3, 5, 31, 9, 'any'),
  size(2, 4, 2, 16, 7, 0, 'window'),
  size(10, 4, 1, 16, 0, 3, 'documents'),
  size(6, 4, 4, 3, 11, 2, 'any'),
  size(9, 12, 4, 6, 1, 1, 'causal'),
  size(2, 2, 1, 64, 100, 27, 'causal'),
  size(1, 2, 1, 128, 255, 1, 'causal'),
  size(33, 2, 2, 8, 0, 0, 'documents'),
  size(18, 5, 5, 7, 3, 0, 'causal'),
  size(1, 16, 2, 8, 63, 0, 'window'),
  size(65, 4, 2, 16, 70, 3, 'any'),
  size(40, 2, 1, 32, 0, 0, 'window'),
]

const WINDOW = 3

/** Inputs of attention: `first` and `last` say what each query sees. */
export const drawAttention = (draw: Draw, { tokens, heads, kvHeads, headDim, before, spare, mask }: AttentionSize) => {
  const rows = before + tokens + spare
  const starts = Array.from({ length: tokens }, (_, n) => (n === 0 || draw.next() < 0.3 ? n : -1))
  const documentOf = (n: number) => starts.slice(0, n + 1).reduce((start, at) => Math.max(start, at), 0)
  const ranges = Array.from({ length: tokens }, (_, n) => {
    if (mask === 'any') {
      const first = draw.integer(0, rows - 1)
      return [first, draw.integer(first, rows - 1)]
    }
    const last = before + n
    if (mask === 'causal') return [0, last]
    return [mask === 'window' ? Math.max(0, last - WINDOW + 1) : before + documentOf(n), last]
  })
  const lengths = ranges.map(([first, last]) => last - first + 1)
  const attributes: AttentionAttributes = {
    span: Math.max(...lengths),
    seen: lengths.reduce((sum, length) => sum + length, 0),
    ...(draw.next() < 0.3 ? { scale: 0.5 } : {}),
  }
  const side = (i: 0 | 1): Input => draw.integers([tokens], n => ranges[n][i])
  return {
    q: draw.normal(tokens, heads, headDim),
    k: draw.normal(rows, kvHeads, headDim),
    v: draw.normal(rows, kvHeads, headDim),
    first: side(0),
    last: side(1),
    attributes,
  }
}
