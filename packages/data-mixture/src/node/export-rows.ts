import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaElement } from 'hyparquet'
import type { ByteWriter, ColumnSource, ParquetWriter } from 'hyparquet-writer'
import { MixtureConfigError, WriteError } from '../errors'
import { manifestName } from '../manifest'
import type { Mixture, MixtureState, Row } from '../mixture'
import { NewFiles, type PartFile } from './folder'

export interface ExportRowsOptions {
  /** The first row. Default: 0. */
  readonly from?: number | undefined
  /** How many rows. */
  readonly count: number
  /** Rows of a file. Default: 65,536. */
  readonly rowsPerFile?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((rows: number) => void) | undefined
}

/** `manifest.json` of a folder of exported rows. */
export interface RowsManifest {
  readonly format: 'cria-rows'
  readonly version: 1
  /** The mixture, at the first row. */
  readonly mixture: MixtureState
  readonly rows: number
  /** In order. */
  readonly files: readonly { readonly file: string; readonly rows: number; readonly sha256: string }[]
}

/** Rows that are encoded at a time. */
const groupRows = 1024

const listOf = (name: string): SchemaElement[] => [
  { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'REQUIRED', type: 'INT32' },
]

const schema: SchemaElement[] = [
  { name: 'schema', num_children: 3 },
  ...listOf('input_ids'),
  ...listOf('document_starts'),
  { name: 'source', repetition_type: 'REQUIRED', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
]

/**
 * Writes rows of a mixture, in order, as Parquet files into a folder: `rows-00000.parquet` and so on, with the columns `input_ids`
 * (list of T + 1 int32), `document_starts` (list of int32, indices into `input_ids`) and `source` (the source's name), and
 * `manifest.json`. Read without shuffling, they have the order of this mixture.
 *
 * @throws MixtureConfigError if an option is out of range
 * @throws WriteError if the disk refuses, or the folder has a manifest
 */
export const exportRows = async (
  mixture: Mixture,
  folder: string,
  { from = 0, count, rowsPerFile = 65_536, signal, onProgress }: ExportRowsOptions,
): Promise<RowsManifest> => {
  for (const [name, value, least] of [
    ['from', from, 0],
    ['count', count, 1],
    ['rowsPerFile', rowsPerFile, 1],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new MixtureConfigError(name, `${value}: expected a whole number from ${least}`)
    }
  }
  const manifestPath = join(folder, manifestName)
  if (existsSync(manifestPath))
    throw new WriteError(manifestPath, 'the folder has files already: choose another folder')
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer')
  const names = mixture.sources.map(({ name }) => name)
  const files = new NewFiles(folder)
  const written: { file: string; rows: number; sha256: string }[] = []
  try {
    for (let done = 0; done < count; ) {
      const rows = Math.min(rowsPerFile, count - done)
      const name = `rows-${String(written.length).padStart(5, '0')}.parquet`
      const bytes = new ByteWriter()
      const parquet = new ParquetWriter({ writer: bytes, schema, createdBy: '@cria/data-mixture' })
      const file = new RowsFile(await files.create(name), bytes, parquet, names)
      for await (const row of mixture.rows({ from: from + done, count: rows })) {
        signal?.throwIfAborted()
        await file.add(row)
        done++
        if (done % groupRows === 0) onProgress?.(done)
      }
      written.push({ file: name, rows, sha256: await file.finish() })
    }
    onProgress?.(count)
    const manifest: RowsManifest = {
      ...{ format: 'cria-rows', version: 1, mixture: mixture.state(from) },
      ...{ rows: count, files: written },
    }
    await files.commit(manifest)
    return manifest
  } catch (error) {
    await files.discard()
    throw error
  }
}

/** One Parquet file, written a group of rows at a time. */
class RowsFile {
  private group: Row[] = []

  constructor(
    private readonly file: PartFile,
    private readonly bytes: ByteWriter,
    private readonly parquet: ParquetWriter,
    private readonly names: readonly string[],
  ) {}

  async add(row: Row): Promise<void> {
    this.group.push(row)
    if (this.group.length === groupRows) await this.writeGroup()
  }

  /** @returns the file's SHA-256 */
  async finish(): Promise<string> {
    if (this.group.length > 0) await this.writeGroup()
    await this.parquet.finish()
    await this.drain()
    return this.file.finish()
  }

  private async writeGroup(): Promise<void> {
    const columnData: ColumnSource[] = [
      { name: 'input_ids', data: this.group.map(({ ids }) => Array.from(ids)) },
      { name: 'document_starts', data: this.group.map(({ documents }) => Array.from(documents)) },
      { name: 'source', data: this.group.map(({ source }) => this.names[source]) },
    ]
    this.group = []
    await this.parquet.write({ columnData, rowGroupSize: groupRows })
    await this.drain()
  }

  /** Moves what has been encoded to the disk. */
  private async drain(): Promise<void> {
    await this.file.write(this.bytes.getBytes().slice())
    this.bytes.index = 0
  }
}
