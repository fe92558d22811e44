import { type FileHandle, open } from 'node:fs/promises'
import { ShardError } from '../errors'

interface OpenFile {
  readonly handle: Promise<FileHandle>
  /** Reads under way. */
  readers: number
}

/** Opens files on first use and keeps the most recently used ones open: a mixture may have more shards than a process may open. */
export class FilePool {
  /** Least recently used first. */
  private readonly files = new Map<string, OpenFile>()

  constructor(private readonly most = 64) {}

  /** @throws ShardError if the file cannot be read, or ends before `start + length` */
  async read(path: string, start: number, length: number): Promise<DataView<ArrayBuffer>> {
    const file = this.use(path)
    file.readers++
    try {
      const bytes = new Uint8Array(length)
      const handle = await file.handle
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(bytes, done, length - done, start + done)
        if (bytesRead === 0)
          throw new ShardError(path, `it ends at byte ${start + done}: it was cut short while in use`)
        done += bytesRead
      }
      return new DataView(bytes.buffer)
    } catch (error) {
      if (error instanceof ShardError) throw error
      const problem = error instanceof Error ? error.message : String(error)
      throw new ShardError(path, `it cannot be read (${problem})`, { cause: error })
    } finally {
      file.readers--
      await this.trim()
    }
  }

  async close(): Promise<void> {
    const files = [...this.files.values()]
    this.files.clear()
    await Promise.all(files.map(closeFile))
  }

  private use(path: string): OpenFile {
    const file = this.files.get(path) ?? { handle: open(path, 'r'), readers: 0 }
    this.files.delete(path)
    this.files.set(path, file)
    return file
  }

  private async trim(): Promise<void> {
    for (const [path, file] of this.files) {
      if (this.files.size <= this.most) return
      if (file.readers > 0) continue
      this.files.delete(path)
      await closeFile(file)
    }
  }
}

/** A file that could not be opened does not have to be closed. */
const closeFile = async ({ handle }: OpenFile): Promise<void> => {
  const opened = await handle.catch(() => undefined)
  await opened?.close()
}
