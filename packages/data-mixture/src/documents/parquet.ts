import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { DocumentError } from '../errors'
import type { FieldOptions } from './jsonl'

/** Random access to the bytes of a Parquet file. */
export interface ParquetFile {
  /** Size in bytes. */
  readonly byteLength: number
  /** Bytes `start` to before `end`. */
  slice(start: number, end?: number): Promise<ArrayBuffer> | ArrayBuffer
}

/** Bytes of the largest page and of the largest column of a row group that are read, decompressed. */
const maxPage = 2 ** 28
const maxColumn = 2 ** 31

/**
 * The documents of a Parquet file: the texts of one column, a row group at a time. Pages may be compressed by snappy, gzip, zstd,
 * brotli or lz4. Texts that are white space alone are left out.
 *
 * @throws DocumentError if the file is damaged or the column holds anything but UTF-8 text
 */
export async function* parquetDocuments(
  source: ParquetFile,
  { file, field = 'text' }: FieldOptions,
): AsyncGenerator<string> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet')
  const buffer: AsyncBuffer = source
  // All metadata is read here: a damaged file may throw any error.
  const { metadata, columns, groups } = await reading(file, async () => {
    const metadata = await parquetMetadataAsync(buffer)
    const columns = parquetSchema(metadata).children.map(({ element }) => element)
    return { metadata, columns, groups: metadata.row_groups.map(group => checkedRows(group, field)) }
  })
  const column = columns.find(({ name }) => name === field)
  if (column === undefined) {
    const names = columns.slice(0, 20).map(({ name }) => name)
    throw new DocumentError(file, `it has no column "${field}"; its columns are ${names.join(', ')}`)
  }
  if (column.type !== 'BYTE_ARRAY' || column.repetition_type === 'REPEATED') {
    throw new DocumentError(file, `its column "${field}" is of type ${column.type ?? 'group'}: expected text`)
  }
  const compressors = await boundedCompressors()
  let rowStart = 0
  for (const rows of groups) {
    const rowEnd = rowStart + rows
    const options = { file: buffer, metadata, columns: [field], rowStart, rowEnd, compressors }
    const found = await reading(file, () => parquetReadObjects({ ...options, parsers: { stringFromBytes } }))
    for (let i = 0; i < rows; i++) {
      const text: unknown = found[i]?.[field]
      if (typeof text !== 'string') throw new DocumentError(file, `row ${rowStart + i} has no text in "${field}"`)
      if (text.trim() !== '') yield text
    }
    rowStart = rowEnd
  }
}

/** The decoder of one string: fatal, so that other bytes than UTF-8 are an error. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const stringFromBytes = (bytes: Uint8Array | undefined) => bytes && decoder.decode(bytes)

const reading = async <T>(file: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    // A file that cannot be read has its own error.
    if (error instanceof DocumentError) throw error
    const isText = (error as { code?: unknown } | null)?.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
    const problem = isText ? 'a text in it is not UTF-8' : error instanceof Error ? error.message : String(error)
    throw new DocumentError(file, `it cannot be read as Parquet (${problem}): fetch it again, or convert it`, {
      cause: error,
    })
  }
}

/** The rows of a row group, if its column of texts is not too large. */
const checkedRows = (group: FileMetaData['row_groups'][number], field: string): number => {
  const rows = Number(group.num_rows)
  const sizes = group.columns
    .filter(({ meta_data }) => meta_data?.path_in_schema[0] === field)
    .map(({ meta_data }) => Number(meta_data?.total_uncompressed_size))
  const isRight = Number.isSafeInteger(rows) && rows >= 0 && sizes.every(size => size >= 0 && size <= maxColumn)
  if (!isRight) throw new Error(`a row group has ${rows} rows in ${sizes} bytes, expected at most ${maxColumn}`)
  return rows
}

/** Decompressors that allocate no more than a page may have. */
const boundedCompressors = async (): Promise<Compressors> => {
  const [{ compressors }, { decompress }] = await Promise.all([import('hyparquet-compressors'), import('fzstd')])
  const all: Compressors = { ...compressors, ZSTD: (input, length) => decompress(input, new Uint8Array(length)) }
  const bounded = Object.entries(all).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (!(length >= 0 && length <= maxPage))
        throw new Error(`a page of ${length} bytes is over the limit of ${maxPage}`)
      return decompress(input, length)
    },
  ])
  return Object.fromEntries(bounded)
}
