import {
  createMixture,
  DocumentError,
  decompressed,
  jsonlDocuments,
  parquetDocuments,
  type Row,
  tokenizeInMemory,
} from '../src'
import { byteTokenizer } from './referee-documents.mjs'

interface Input {
  /** A gzip and a zstd file of JSON lines, and a Parquet file, as lists of bytes. */
  readonly gzip: readonly number[]
  readonly zstd: readonly number[]
  readonly parquet: readonly number[]
}

export interface Output {
  readonly rows: readonly { readonly source: number; readonly ids: number[]; readonly documents: number[] }[]
  /** The name of the error for a file that is cut short. */
  readonly cutShort: string
}

/** Rows of a mixture of three files: what a page computes of them, and Node too. */
export default async (input: Input): Promise<Output> => {
  const tokenizer = byteTokenizer()
  const stream = (bytes: readonly number[]) => new Blob([Uint8Array.from(bytes)]).stream()
  const lines = (bytes: readonly number[], file: string) => jsonlDocuments(decompressed(stream(bytes), file), { file })
  const parquet = Uint8Array.from(input.parquet)
  const slice = (start: number, end?: number) => parquet.slice(start, end).buffer
  const sources = {
    gzip: lines(input.gzip, 'a.jsonl.gz'),
    zstd: lines(input.zstd, 'a.jsonl.zst'),
    parquet: parquetDocuments({ byteLength: parquet.length, slice }, { file: 'a.parquet' }),
  }
  const mixed = []
  for (const [i, [name, documents]] of Object.entries(sources).entries()) {
    const { training } = await tokenizeInMemory(documents, tokenizer, name)
    mixed.push({ name, share: [0.5, 0.3, 0.2][i], tokens: training })
  }
  const mixture = createMixture(mixed, { rowTokens: 24, seed: 3 })
  const rows: Row[] = []
  for await (const row of mixture.rows({ from: 990, count: 40 })) rows.push(row)
  const cutShort = await tokenizeInMemory(lines(input.gzip.slice(0, 50), 'cut.gz'), tokenizer, 'cut').then(
    () => 'none',
    error => (error instanceof DocumentError ? `${error.name}: ${error.file}` : String(error)),
  )
  return {
    rows: rows.map(({ source, ids, documents }) => ({ source, ids: [...ids], documents: [...documents] })),
    cutShort,
  }
}
