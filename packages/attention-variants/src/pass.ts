import { checkTokenIds, type RotaryEmbedding, type TokenIds } from '@cria/layers'
import { type Device, type Ranges, Tensor } from '@cria/tensor'
import type { KvCache, Sequence } from './kv-cache'

// Shapes: N tokens of a pass, M outputs.

/** Called with values inside of a pass, by name: `layers.0`, `layers.0.attention.weights`, `logits`. The tensors are freed after the pass. */
export type Observe = (name: string, value: Tensor) => void

/**
 * The tokens of one pass, of any sequences, in memory of the host. There is no batch axis: a step of one
 * sequence, a part of a prompt, eight sequences of different lengths, and packed documents are all such a list.
 */
export interface TokenList {
  /** [N]; i32 [N] if they are on the device. */
  readonly ids: Int32Array | Tensor
  /** Position of each token in its sequence, [N]. */
  readonly positions: Int32Array
  /** Length of each token's sequence after the request that it belongs to, [N]; only dynamic rotary scaling reads it. */
  readonly lengths: Int32Array
  /** Row of the cache for each token's key and value, [N]. */
  readonly rows: Int32Array
  /** First and last row that each token sees, [N]. */
  readonly first: Int32Array
  readonly last: Int32Array
  /** Tokens whose logits are wanted, [M]. */
  readonly outputs: Int32Array
  /** The cache of keys and values. Without a cache, rows are those of the pass itself. */
  readonly cache?: KvCache | undefined
}

/** A {@link TokenList} on a device, as layers read it. */
export interface Pass extends Disposable {
  /** i32 [N] */
  readonly ids: Tensor
  /** Rows of the rotary tables, i32 [N]. */
  readonly positions: Tensor
  /** Tables of the rotary embedding; undefined for a model without one. */
  readonly angles: { readonly cosines: Tensor; readonly sines: Tensor } | undefined
  /** i32 [N] */
  readonly rows: Tensor
  readonly ranges: Ranges
  /** i32 [M]; undefined where all tokens are wanted, or none. */
  readonly outputs: Tensor | undefined
  readonly cache: KvCache | undefined
  readonly observe: Observe | undefined
}

/** Uploads the numbers of a pass, by one write on devices with a queue. Ids that are on the device stay the caller's. */
export const uploadPass = (device: Device, list: TokenList, rotary?: RotaryEmbedding, observe?: Observe): Pass => {
  const { ids, positions, lengths, rows, first, last, outputs, cache } = list
  const angles = rotary?.angles(device, positions, lengths)
  const some = outputs.length > 0 && outputs.length < positions.length
  const arrays = [angles?.rows ?? positions, rows, first, last, ...(some ? [outputs] : [])]
  if (!(ids instanceof Tensor)) arrays.push(ids)
  const tensors = device.tensors(arrays.map(data => ({ data, shape: [data.length] })))
  const [positionsTensor, rowsTensor, firstTensor, lastTensor, outputsTensor] = tensors
  let span = 1
  let seen = 0
  for (let n = 0; n < first.length; n++) {
    const length = Math.max(0, last[n] - first[n] + 1)
    span = Math.max(span, length)
    seen += length
  }
  return {
    ids: ids instanceof Tensor ? ids : tensors[tensors.length - 1],
    positions: positionsTensor,
    angles: angles && { cosines: angles.cosines, sines: angles.sines },
    rows: rowsTensor,
    ranges: { first: firstTensor, last: lastTensor, span, seen },
    outputs: some ? outputsTensor : undefined,
    cache,
    observe,
    [Symbol.dispose]() {
      for (const tensor of tensors) tensor.dispose()
      angles?.dispose()
    },
  }
}

/** Tokens that a pass adds to a sequence. */
export interface Addition {
  readonly sequence: Sequence
  /** Numbers, which are checked; or i32 [N] on the device, which is not, for the only addition of a pass. */
  readonly ids: TokenIds | Tensor
  /** Which of the tokens' logits are wanted. Default `last`. */
  readonly logits?: 'none' | 'last' | 'all' | undefined
  /** Length of the sequence after the whole request. These ids may be a part of it. Default: after these ids. */
  readonly length?: number | undefined
}

export interface TokenListOptions {
  /** Ids are below it. */
  readonly vocabSize: number
  /** Tokens that each one sees at most, itself among them (a sliding window). Default: all. */
  readonly window?: number | undefined
}

/** Collects the columns of a {@link TokenList}, but its ids. */
class Columns {
  readonly positions: number[] = []
  readonly lengths: number[] = []
  readonly rows: number[] = []
  readonly first: number[] = []
  readonly last: number[] = []
  readonly outputs: number[] = []

  /** Tokens of one sequence whose row of position 0 is `start`. */
  add(count: number, position: number, start: number, length: number, window: number): void {
    for (let t = 0; t < count; t++) {
      const at = position + t
      this.positions.push(at)
      this.lengths.push(length)
      this.rows.push(start + at)
      this.first.push(start + Math.max(0, at - window + 1))
      this.last.push(start + at)
    }
  }

  list(ids: Int32Array | Tensor, cache: KvCache | undefined): TokenList {
    const { positions, lengths, rows, first, last, outputs } = this
    const column = (values: number[]) => Int32Array.from(values)
    return {
      ...{ ids, positions: column(positions), lengths: column(lengths), rows: column(rows) },
      ...{ first: column(first), last: column(last), outputs: column(outputs), cache },
    }
  }
}

/**
 * The pass that adds tokens to sequences of one cache, each at the end of its sequence, which is extended. Logits come in the order
 * of the additions.
 * @throws TokenIdsError @throws ContextOverflowError before anything is extended
 * @throws RangeError for several additions, if the ids of one are on the device
 */
export const extendSequences = (
  additions: readonly Addition[],
  { vocabSize, window = Number.POSITIVE_INFINITY }: TokenListOptions,
): TokenList => {
  const ids = joined(additions.map(({ ids }) => (ids instanceof Tensor ? ids : checkTokenIds(ids, vocabSize))))
  const counts = additions.map(({ ids }) => (ids instanceof Tensor ? ids.size : ids.length))
  const lengths = additions.map(({ sequence }) => sequence.length)
  const columns = new Columns()
  try {
    for (const [i, { sequence }] of additions.entries()) sequence.extend(counts[i])
    for (const [i, { sequence, logits = 'last', length = sequence.length }] of additions.entries()) {
      const base = columns.rows.length
      const count = counts[i]
      columns.add(count, lengths[i], sequence.region.start, length, window)
      if (logits === 'last') columns.outputs.push(base + count - 1)
      else if (logits === 'all') for (let t = 0; t < count; t++) columns.outputs.push(base + t)
    }
  } catch (error) {
    for (const [i, { sequence }] of additions.entries()) sequence.rewind(Math.min(lengths[i], sequence.length))
    throw error
  }
  return columns.list(ids, additions[0]?.sequence.cache)
}

/** The ids of all additions. */
const joined = (parts: readonly (Int32Array | Tensor)[]): Int32Array | Tensor => {
  if (parts.length === 1) return parts[0]
  return Int32Array.from(
    parts.flatMap(part => {
      if (part instanceof Tensor) throw new RangeError('ids on the device are for a pass with one addition')
      return [...part]
    }),
  )
}

/**
 * The pass of some documents packed one after the other, as training runs them. A document sees only itself, its positions begin at 0, and
 * nothing is cached. The pass gives all logits.
 * @param starts index of the first token of each document; by default all ids are one document
 * @throws TokenIdsError
 */
export const packDocuments = (
  ids: TokenIds,
  { vocabSize, window = Number.POSITIVE_INFINITY }: TokenListOptions,
  starts: ArrayLike<number> = [0],
): TokenList => {
  const checked = checkTokenIds(ids, vocabSize)
  const columns = new Columns()
  const bounds = [...new Set([0, ...Array.from(starts), checked.length])].sort((a, b) => a - b)
  if (bounds[0] !== 0 || bounds.at(-1) !== checked.length || !bounds.every(Number.isInteger))
    throw new RangeError(`documents must start within the ${checked.length} tokens, found ${Array.from(starts)}`)
  for (let i = 0; i + 1 < bounds.length; i++) {
    const length = bounds[i + 1] - bounds[i]
    columns.add(length, 0, bounds[i], length, window)
  }
  for (let t = 0; t < checked.length; t++) columns.outputs.push(t)
  return columns.list(checked, undefined)
}
