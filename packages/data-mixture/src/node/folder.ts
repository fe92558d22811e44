import { createHash, type Hash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WriteError } from '../errors'
import { manifestName } from '../manifest'

const bufferBytes = 1 << 20

const writeError = (file: string, error: unknown): unknown =>
  error instanceof Error && 'syscall' in error
    ? new WriteError(file, `it cannot be written (${error.message}): make room, or choose another folder`, {
        cause: error,
      })
    : error

/** A file that is written under a temporary name. */
export class PartFile {
  private readonly hash: Hash = createHash('sha256')
  private readonly buffer = new Uint8Array(bufferBytes)
  private used = 0

  private constructor(
    /** Where it will be. */
    readonly path: string,
    readonly temporary: string,
    private readonly handle: FileHandle,
  ) {}

  static async create(path: string): Promise<PartFile> {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.part`
    try {
      return new PartFile(path, temporary, await open(temporary, 'wx'))
    } catch (error) {
      throw writeError(path, error)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.used + bytes.length > bufferBytes) await this.flush()
    if (bytes.length > bufferBytes) {
      await this.put(bytes)
    } else {
      this.buffer.set(bytes, this.used)
      this.used += bytes.length
    }
  }

  /** Writes the rest, syncs the file to the disk, and closes it. Returns its SHA-256. */
  async finish(): Promise<string> {
    await this.flush()
    try {
      await this.handle.sync()
      await this.handle.close()
    } catch (error) {
      throw writeError(this.path, error)
    }
    return this.hash.digest('hex')
  }

  /** Closes and removes it. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => {})
    await rm(this.temporary, { force: true })
  }

  private async flush(): Promise<void> {
    const bytes = this.buffer.subarray(0, this.used)
    this.used = 0
    await this.put(bytes)
  }

  private async put(bytes: Uint8Array): Promise<void> {
    this.hash.update(bytes)
    try {
      await this.handle.writeFile(bytes)
    } catch (error) {
      throw writeError(this.path, error)
    }
  }
}

/**
 * Files that appear in a folder together. Each is written under a temporary name; when all are complete, they are renamed in the order in which
 * they were made. If anything fails, none remains.
 */
export class NewFiles {
  private readonly files: PartFile[] = []

  constructor(private readonly folder: string) {}

  async create(name: string): Promise<PartFile> {
    try {
      await mkdir(this.folder, { recursive: true })
    } catch (error) {
      throw writeError(this.folder, error)
    }
    const file = await PartFile.create(join(this.folder, name))
    this.files.push(file)
    return file
  }

  /** Call this when all files are complete: it writes `manifest.json` and renames the files, the manifest last. */
  async commit(manifest: object): Promise<void> {
    const file = await this.create(manifestName)
    await file.write(new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`))
    await file.finish()
    try {
      for (const { temporary, path } of this.files) await rename(temporary, path)
      await syncFolder(this.folder)
    } catch (error) {
      throw writeError(this.folder, error)
    }
  }

  async discard(): Promise<void> {
    await Promise.all(this.files.map(file => file.discard()))
  }
}

/** Makes the renames durable. Windows cannot open a folder, and does not need this. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}
