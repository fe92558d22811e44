import { MixtureConfigError, MixtureStateError, SourceSizeError } from './errors'
import { Hash } from './hash'
import { BlendOrder } from './order'
import { permutation } from './permutation'
import { partsOf } from './shares'
import type { TokenStore } from './tokens/token-store'

/** A source of a mixture. */
export interface MixtureSource {
  /** Unique among the sources. The order of the source's rows depends on it. */
  readonly name: string
  /** Its share of the mixture's tokens, above 0. The shares of all sources sum to 1. */
  readonly share: number
  readonly tokens: TokenStore
}

export interface MixtureOptions {
  /** T, the tokens that a row trains on (`max_seq_len`); a row has T + 1 ids. */
  readonly rowTokens: number
  /** The seed of the order of rows in each source: a safe integer, 0 or more. Default: 0. */
  readonly seed?: number | undefined
}

/** One training example: T + 1 ids, of which the first T are the inputs and the last T the targets. */
export interface Row {
  /** Its number in the mixture. */
  readonly row: number
  /** Index of its source. */
  readonly source: number
  /** Earlier epochs of the source: 0 in its first one. */
  readonly epoch: number
  /** Where it starts in the source, in tokens. A row may continue from the source's last token to its first. */
  readonly start: number
  /** [T + 1] */
  readonly ids: Int32Array<ArrayBuffer>
  /** Indices into `ids` at which a document, or the rest of one, starts: ascending, the first is 0. */
  readonly documents: Int32Array<ArrayBuffer>
}

/** A source as the mixture uses it. */
export interface SourceSummary {
  readonly name: string
  /** The share that was asked for. */
  readonly asked: number
  /** The share that is given: a whole number of rows in each cycle of the order. */
  readonly share: number
  /** Tokens of the source, each counted once. */
  readonly tokens: number
  readonly documents: number
  /** Rows in one epoch of the source. */
  readonly rows: number
}

/** What the first rows of a mixture take from a source. */
export interface SourceUse {
  readonly name: string
  readonly rows: number
  /** Tokens trained on: rows times T. */
  readonly tokens: number
  /** Its share of all rows; 0 if no row was given. */
  readonly share: number
  /** Epochs of the source, with fractions. */
  readonly epochs: number
}

/** Where a run is in a mixture, as JSON. */
export interface MixtureState {
  readonly version: 1
  /** The next row. */
  readonly row: number
  readonly rowTokens: number
  readonly seed: number
  readonly sources: readonly {
    readonly name: string
    readonly share: number
    readonly tokens: number
    readonly identity: string
  }[]
}

export interface RowsOptions {
  /** The first row. Default: 0. */
  readonly from?: number | undefined
  /** How many rows; unlimited by default. */
  readonly count?: number | undefined
  /** The step from one row to the next: reader i of k takes `from: i, stride: k`. Default: 1. */
  readonly stride?: number | undefined
}

/**
 * Rows of several sources in a fixed order. Which tokens row n holds depends on n, the seed, and the sources alone: readers that
 * take every k-th row agree, and a run resumes from a row number.
 */
export class Mixture {
  readonly rowTokens: number
  readonly seed: number
  readonly sources: readonly SourceSummary[]
  /** Rows after which the order of the sources repeats. */
  readonly cycle: number
  /** The last epoch read of each source: the next row is probably in the same epoch. */
  private readonly epochs: (Epoch | undefined)[]

  constructor(
    private readonly order: BlendOrder,
    private readonly given: readonly MixtureSource[],
    { rowTokens, seed }: { readonly rowTokens: number; readonly seed: number },
  ) {
    this.rowTokens = rowTokens
    this.seed = seed
    this.cycle = order.total
    this.epochs = given.map(() => undefined)
    this.sources = given.map(({ name, share, tokens }, i) => ({
      name,
      asked: share,
      share: order.parts[i] / order.total,
      tokens: tokens.tokens,
      documents: tokens.documents,
      rows: Math.floor(tokens.tokens / rowTokens),
    }))
  }

  /**
   * One row.
   *
   * @throws RangeError if n is not a safe integer, 0 or more
   */
  async row(n: number): Promise<Row> {
    const { source, epoch, start } = this.place(n)
    const { tokens } = this.given[source]
    const end = start + this.rowTokens + 1
    const [ids, starts] =
      end <= tokens.tokens
        ? await Promise.all([tokens.read(start, end), tokens.documentStarts(start, end)])
        : await readAround(tokens, start, end)
    const documents = starts.map(at => at - start)
    if (documents[0] !== 0) documents.unshift(0)
    return { row: n, source, epoch, start, ids, documents: Int32Array.from(documents) }
  }

  /**
   * Rows in order.
   *
   * @throws RangeError if an option is out of range
   */
  async *rows({ from = 0, count = Number.POSITIVE_INFINITY, stride = 1 }: RowsOptions = {}): AsyncGenerator<Row> {
    checkCount('from', from, 0)
    checkCount('stride', stride, 1)
    if (count !== Number.POSITIVE_INFINITY) checkCount('count', count, 0)
    for (let i = 0; i < count; i++) yield await this.row(from + i * stride)
  }

  /** Where row n comes from, without reading it. */
  place(n: number): Pick<Row, 'source' | 'epoch' | 'start'> {
    checkCount('row', n, 0)
    const { source, ordinal } = this.order.place(n)
    const { rows } = this.sources[source]
    const position = ordinal % rows
    const epoch = (ordinal - position) / rows
    return { source, epoch, start: this.epoch(source, epoch).start(position) }
  }

  /** What the first `rows` rows take from each source. */
  use(rows: number): SourceUse[] {
    checkCount('rows', rows, 0)
    return this.sources.map(({ name, rows: perEpoch }, i) => {
      const own = this.order.count(i, rows)
      return {
        name,
        rows: own,
        tokens: own * this.rowTokens,
        share: rows === 0 ? 0 : own / rows,
        epochs: own / perEpoch,
      }
    })
  }

  /** What to save with a run whose next row is `row`. */
  state(row: number): MixtureState {
    checkCount('row', row, 0)
    const sources = this.sources.map(({ name, share, tokens }, i) => {
      return { name, share, tokens, identity: this.given[i].tokens.identity }
    })
    return { version: 1, row, rowTokens: this.rowTokens, seed: this.seed, sources }
  }

  /**
   * The next row of a run that saved this state.
   *
   * @throws MixtureStateError if the state was saved with another mixture; the message lists what differs
   */
  resume(state: MixtureState): number {
    const differences = this.differences(state)
    if (differences.length > 0) {
      throw new MixtureStateError(`the saved state is of another mixture: ${differences.join('; ')}`)
    }
    return state.row
  }

  /** Closes the stores of the sources. */
  async close(): Promise<void> {
    await Promise.all(this.given.map(({ tokens }) => tokens.close()))
  }

  private differences(state: MixtureState): string[] {
    const saved: unknown = state
    if (!isRecord(saved) || saved.version !== 1 || !Array.isArray(saved.sources) || !isCount(saved.row)) {
      return ['expected { version: 1, row, rowTokens, seed, sources } as state() returns it']
    }
    const own = this.state(state.row)
    const found: string[] = []
    for (const key of ['rowTokens', 'seed'] as const) {
      if (state[key] !== own[key]) found.push(`${key} was ${state[key]} and is ${own[key]}`)
    }
    const names = (sources: MixtureState['sources']) => sources.map(source => source?.name).join(', ')
    if (names(state.sources) !== names(own.sources)) {
      return [...found, `sources were ${names(state.sources)} and are ${names(own.sources)}`]
    }
    for (const [i, source] of own.sources.entries()) {
      const before = state.sources[i]
      if (before.share !== source.share)
        found.push(`the share of ${source.name} was ${before.share} and is ${source.share}`)
      if (before.tokens !== source.tokens)
        found.push(`${source.name} had ${before.tokens} tokens and has ${source.tokens}`)
      else if (before.identity !== source.identity) found.push(`${source.name} has other tokens`)
    }
    return found
  }

  private epoch(source: number, epoch: number): Epoch {
    const cached = this.epochs[source]
    if (cached?.epoch === epoch) return cached
    const fresh = new Epoch(epoch, this.sources[source], this.rowTokens, this.seed)
    this.epochs[source] = fresh
    return fresh
  }
}

/**
 * One epoch of a source. Its tokens form a ring. Each epoch cuts the ring into rows at a different place, so that documents are
 * cut at different places, and has a different order of rows. A row's last id is the first id of the row after it
 * in the source: every token is a target once, except fewer than T tokens that are left over.
 */
class Epoch {
  private readonly cut: number
  private readonly shuffled: (position: number) => number

  constructor(
    readonly epoch: number,
    private readonly source: SourceSummary,
    private readonly rowTokens: number,
    seed: number,
  ) {
    const [high, low] = new Hash().addNumber(seed).addText(source.name).addNumber(epoch).words()
    this.cut = Math.floor((high / 2 ** 32) * source.tokens)
    this.shuffled = permutation(source.rows, [high, low])
  }

  /** The token that the row at this position starts at. */
  start(position: number): number {
    return (this.cut + this.shuffled(position) * this.rowTokens) % this.source.tokens
  }
}

/** Ids and document starts from `start` past the end of the source. Starts after the end keep counting up. */
const readAround = async (
  tokens: TokenStore,
  start: number,
  end: number,
): Promise<[Int32Array<ArrayBuffer>, number[]]> => {
  const rest = end - tokens.tokens
  const [last, lastStarts, first, firstStarts] = await Promise.all([
    tokens.read(start, tokens.tokens),
    tokens.documentStarts(start, tokens.tokens),
    tokens.read(0, rest),
    tokens.documentStarts(0, rest),
  ])
  const ids = new Int32Array(end - start)
  ids.set(last)
  ids.set(first, last.length)
  return [ids, [...lastStarts, ...firstStarts.map(at => at + tokens.tokens)]]
}

/**
 * A mixture of sources. Each row comes from one source. In the order of rows, no source is ever a whole row or more
 * away from its share.
 *
 * @throws MixtureConfigError if an option is out of range, a name is used twice, or the shares do not sum to 1
 * @throws SourceSizeError if a source is empty or shorter than a row
 */
export const createMixture = (sources: readonly MixtureSource[], options: MixtureOptions): Mixture => {
  const { rowTokens, seed = 0 } = options
  if (!isCount(rowTokens) || rowTokens < 1 || rowTokens >= 2 ** 31) {
    throw new MixtureConfigError('rowTokens', `${rowTokens}: expected a whole number from 1 to 2^31 - 1`)
  }
  if (!isCount(seed)) throw new MixtureConfigError('seed', `${seed}: expected a safe integer, 0 or more`)
  const names = sources.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new MixtureConfigError('sources', `${twice} is named twice: give each its own name`)
  const parts = partsOf(
    sources.map(({ share }) => share),
    names,
  )
  for (const { name, tokens } of sources) checkSize(name, tokens.tokens, rowTokens)
  return new Mixture(new BlendOrder(parts), sources, { rowTokens, seed })
}

const checkSize = (name: string, tokens: number, rowTokens: number) => {
  if (tokens === 0) throw new SourceSizeError(name, 'it has no tokens: add documents, or leave it out')
  if (tokens <= rowTokens) {
    const problem = `it has ${tokens} tokens, fewer than the ${rowTokens + 1} of a row: add documents, or lower rowTokens`
    throw new SourceSizeError(name, problem)
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const checkCount = (name: string, value: number, least: number) => {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} is ${value}: expected a whole number from ${least} to 2^53 - 1`)
  }
}
