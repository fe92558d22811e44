import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ShardError, VocabularyError } from '../errors'
import { Hash } from '../hash'
import type { TokensManifest } from '../manifest'
import { checkDocument, checkTokenRange, type TokenStore } from '../tokens/token-store'
import type { Split } from '../tokens/tokenizer'
import { FilePool } from './file-pool'

/** Document ends of one page of an index: 4 KiB. */
const pageEnds = 512
/** Pages that are kept: the first steps of every binary search are among them. */
const maxPages = 512

interface Shard {
  readonly path: string
  /** Tokens and documents of the shards before it. */
  readonly firstToken: number
  readonly firstDocument: number
  readonly tokens: number
  readonly documents: number
}

/** Tokens in shards on disk. Reads only the requested tokens, and pages of the index. */
class ShardStore implements TokenStore {
  private readonly files = new FilePool()
  private readonly pages = new Map<string, Promise<Float64Array>>()
  private readonly bytesPerToken: number

  constructor(
    private readonly shards: readonly Shard[],
    readonly tokens: number,
    readonly documents: number,
    readonly identity: string,
    private readonly vocabSize: number,
    dtype: TokensManifest['dtype'],
  ) {
    this.bytesPerToken = dtype === 'uint16' ? 2 : 4
  }

  async read(start: number, end: number): Promise<Int32Array<ArrayBuffer>> {
    checkTokenRange(start, end, this.tokens)
    const ids = new Int32Array(end - start)
    await Promise.all(
      this.overlapping(start, end).map(async shard => {
        const from = Math.max(start, shard.firstToken)
        const to = Math.min(end, shard.firstToken + shard.tokens)
        await this.readShard(shard, from - shard.firstToken, ids.subarray(from - start, to - start))
      }),
    )
    return ids
  }

  async documentStarts(start: number, end: number): Promise<number[]> {
    checkTokenRange(start, end, this.tokens)
    const starts: number[] = []
    for (const shard of this.overlapping(start, end)) {
      const from = Math.max(0, start - shard.firstToken)
      const to = Math.min(shard.tokens, end - shard.firstToken)
      if (from === 0) starts.push(shard.firstToken)
      // The next documents start where others end.
      for (let i = await this.firstEnd(shard, from); i < shard.documents; i++) {
        const at = await this.end(shard, i)
        if (at < from) throw this.damagedIndex(shard)
        if (at >= to) break
        starts.push(shard.firstToken + at)
      }
    }
    return starts
  }

  async document(index: number): Promise<Int32Array<ArrayBuffer>> {
    checkDocument(index, this.documents)
    const shard = this.shards[last(this.shards, ({ firstDocument }) => firstDocument <= index)]
    const own = index - shard.firstDocument
    const start = own === 0 ? 0 : await this.end(shard, own - 1)
    const end = await this.end(shard, own)
    if (start >= end) throw this.damagedIndex(shard)
    return this.read(shard.firstToken + start, shard.firstToken + end)
  }

  async close(): Promise<void> {
    this.pages.clear()
    await this.files.close()
  }

  private overlapping(start: number, end: number): readonly Shard[] {
    const first = last(this.shards, ({ firstToken }) => firstToken <= start)
    const after = this.shards.findIndex(({ firstToken }, i) => i >= first && firstToken >= end)
    return this.shards.slice(first, after < 0 ? undefined : after)
  }

  private async readShard(shard: Shard, start: number, ids: Int32Array): Promise<void> {
    const { bytesPerToken, vocabSize } = this
    const view = await this.files.read(shard.path, start * bytesPerToken, ids.length * bytesPerToken)
    for (let i = 0; i < ids.length; i++) {
      const id = bytesPerToken === 2 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true)
      if (id >= vocabSize) {
        throw new VocabularyError(
          id,
          vocabSize,
          `${shard.path}: token ${start + i}`,
          'the file is damaged: write it again',
        )
      }
      ids[i] = id
    }
  }

  /** The first document of a shard that ends at a token or after it. */
  private async firstEnd(shard: Shard, token: number): Promise<number> {
    let low = 0
    let high = shard.documents
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((await this.end(shard, middle)) < token) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Where a document of a shard ends. */
  private async end(shard: Shard, index: number): Promise<number> {
    const page = Math.floor(index / pageEnds)
    const key = `${page} ${shard.path}`
    const ends = this.pages.get(key) ?? this.readPage(shard, page)
    this.pages.delete(key)
    this.pages.set(key, ends)
    if (this.pages.size > maxPages) this.pages.delete(this.pages.keys().next().value as string)
    return (await ends)[index % pageEnds]
  }

  private async readPage(shard: Shard, page: number): Promise<Float64Array> {
    const first = page * pageEnds
    const count = Math.min(pageEnds, shard.documents - first)
    const path = `${shard.path}.index`
    const view = await this.files.read(path, 8 * first, 8 * count)
    const ends = new Float64Array(count)
    for (let i = 0, before = 0; i < count; before = ends[i++]) {
      ends[i] = Number(view.getBigUint64(8 * i, true))
      const isLast = first + i === shard.documents - 1
      if (!(ends[i] > before) || (isLast ? ends[i] !== shard.tokens : ends[i] >= shard.tokens)) {
        throw this.damagedIndex(shard)
      }
    }
    return ends
  }

  private damagedIndex(shard: Shard): ShardError {
    const expected = `expected ends of documents that ascend to ${shard.tokens}`
    return new ShardError(`${shard.path}.index`, `it is damaged: ${expected}; tokenize the source again`)
  }
}

/** Index of the last item that a condition holds for, where it holds up to some item and for none after it. */
const last = <T>(items: readonly T[], holds: (item: T) => boolean): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(items[middle])) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}

/** A folder of token shards. */
export interface ShardFolder {
  readonly folder: string
  readonly manifest: TokensManifest
}

/**
 * Opens the tokens of one split of a source, which may be in several folders.
 *
 * @param folders at least one; all of the same tokenizer
 * @throws ShardError if a file is missing or not as long as its manifest says
 */
export const openShards = async (folders: readonly ShardFolder[], split: Split): Promise<TokenStore> => {
  const { dtype, tokenizer } = folders[0].manifest
  const bytesPerToken = dtype === 'uint16' ? 2 : 4
  const hash = new Hash().addText(dtype)
  const shards: Shard[] = []
  let firstToken = 0
  let firstDocument = 0
  for (const { folder, manifest } of folders) {
    for (const { file, sha256, indexSha256, ...counts } of manifest.splits[split].shards) {
      const path = join(folder, file)
      await checkSize(path, counts.tokens * bytesPerToken)
      await checkSize(`${path}.index`, counts.documents * 8)
      shards.push({ path, firstToken, firstDocument, ...counts })
      firstToken += counts.tokens
      firstDocument += counts.documents
      hash.addText(sha256).addText(indexSha256)
    }
  }
  return new ShardStore(shards, firstToken, firstDocument, hash.toString(), tokenizer.vocabSize, dtype)
}

const checkSize = async (path: string, expected: number): Promise<void> => {
  let size: number
  try {
    size = (await stat(path)).size
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new ShardError(path, `it cannot be read (${problem}): tokenize the source again`, { cause: error })
  }
  if (size !== expected) {
    const how = size < expected ? 'it is cut short' : 'it is too long'
    throw new ShardError(
      path,
      `${how}: it has ${size} bytes, but the manifest says ${expected}; copy it or write it again`,
    )
  }
}
