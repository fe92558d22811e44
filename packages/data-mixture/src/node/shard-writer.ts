import type { ShardManifest, SplitManifest, TokensManifest } from '../manifest'
import type { NewFiles, PartFile } from './folder'

interface OpenShard {
  readonly name: string
  readonly bin: PartFile
  readonly index: PartFile
  tokens: number
  documents: number
}

/** Writes the shards of one split. A document is never split, so a shard can exceed the requested size by up to one document. */
export class ShardWriter {
  private readonly shards: ShardManifest[] = []
  private open: OpenShard | undefined
  private tokens = 0
  private documents = 0
  private bytes = 0

  constructor(
    private readonly files: NewFiles,
    private readonly split: string,
    private readonly dtype: TokensManifest['dtype'],
    private readonly shardTokens: number,
  ) {}

  /** @param bytes size of the document's text in UTF-8 */
  async add(ids: Int32Array, bytes: number): Promise<void> {
    this.open ??= await this.create()
    const shard = this.open
    shard.tokens += ids.length
    shard.documents++
    this.bytes += bytes
    const end = new DataView(new ArrayBuffer(8))
    end.setBigUint64(0, BigInt(shard.tokens), true)
    await shard.bin.write(littleEndian(ids, this.dtype))
    await shard.index.write(new Uint8Array(end.buffer))
    if (shard.tokens >= this.shardTokens) await this.close(shard)
  }

  async finish(): Promise<SplitManifest> {
    if (this.open) await this.close(this.open)
    return { tokens: this.tokens, documents: this.documents, bytes: this.bytes, shards: this.shards }
  }

  private async create(): Promise<OpenShard> {
    const name = `${this.split}-${String(this.shards.length).padStart(5, '0')}.bin`
    const bin = await this.files.create(name)
    return { name, bin, index: await this.files.create(`${name}.index`), tokens: 0, documents: 0 }
  }

  private async close({ name, bin, index, tokens, documents }: OpenShard): Promise<void> {
    this.open = undefined
    this.tokens += tokens
    this.documents += documents
    this.shards.push({
      file: name,
      tokens,
      documents,
      sha256: await bin.finish(),
      indexSha256: await index.finish(),
    })
  }
}

/** Ids as bytes. */
const littleEndian = (ids: Int32Array, dtype: TokensManifest['dtype']): Uint8Array => {
  const size = dtype === 'uint16' ? 2 : 4
  const view = new DataView(new ArrayBuffer(ids.length * size))
  for (let i = 0; i < ids.length; i++) {
    if (size === 2) view.setUint16(2 * i, ids[i], true)
    else view.setUint32(4 * i, ids[i], true)
  }
  return new Uint8Array(view.buffer)
}
