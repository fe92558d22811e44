import { ShapeError } from '../errors'
import { format, sameShape } from '../shape'
import { expectType, type Spec } from '../spec'

// Shapes: N tokens, H heads, K kv heads, C head dim, S rows of keys and values.

/** Facts about the ranges of rows that queries see, known on the host. */
export interface AttentionAttributes {
  /** Rows that the widest range holds: the largest `last - first + 1`. */
  readonly span: number
  /** Rows that all queries together see: the sum of `last - first + 1`. */
  readonly seen: number
  /** Factor of the scores; by default 1 / √headDim. */
  readonly scale?: number
}

/** Checks q [N, H, C], k and v [S, K, C], first and last i32 [N]. @throws ShapeError */
export const attentionExtents = (
  op: string,
  [q, k, v, first, last]: readonly Spec[],
  { span, scale }: AttentionAttributes,
) => {
  const [tokens, heads, headDim] = q.shape
  const [rows, kvHeads, kvDim] = k.shape
  expectType(op, 'q', q, 'f32')
  const fits =
    q.shape.length === 3 &&
    k.shape.length === 3 &&
    kvDim === headDim &&
    heads % kvHeads === 0 &&
    sameShape(k.shape, v.shape) &&
    k.dtype === v.dtype
  if (!fits)
    throw new ShapeError(
      op,
      `q [tokens, heads, dim] ${format(q.shape)} does not fit k ${format(k.shape)} and v ${format(v.shape)}: [rows, kv heads, dim] of one type, where kv heads divide heads`,
    )
  for (const [name, range] of [
    ['first', first],
    ['last', last],
  ] as const) {
    expectType(op, name, range, 'i32')
    if (range.shape.length !== 1 || range.shape[0] !== tokens)
      throw new ShapeError(op, `${name} must be [${tokens}], one row for each query, found ${format(range.shape)}`)
  }
  if (!Number.isInteger(span) || span < 1 || span > rows)
    throw new ShapeError(op, `a span of ${span} rows is not within the ${rows} rows of keys and values`)
  return {
    tokens,
    heads,
    headDim,
    rows,
    kvHeads,
    group: heads / kvHeads,
    span,
    factor: scale ?? 1 / Math.sqrt(headDim),
  }
}
