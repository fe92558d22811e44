import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Decompresses gzip of any number of members, as `gzip`, `bgzip` and `cat` make it. */
export async function* gunzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const output = createGunzip()
  // An error of either ends both; the iteration below throws it.
  pipeline(Readable.from(bytes, { objectMode: false }), output, () => {})
  yield* output
}
