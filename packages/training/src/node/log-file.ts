import { appendFile, readFile } from 'node:fs/promises'
import { bytesFile } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import type { LogEntry } from '../log'

const line = (entry: LogEntry): string => `${JSON.stringify(entry)}\n`

/** The log of a run: a JSON object a line, in memory and in a file that grows. */
export class LogFile {
  private constructor(
    private readonly path: string,
    readonly entries: LogEntry[],
  ) {}

  /** Opens the log of a run that resumes at a step. Entries after that step are removed. */
  static async open(path: string, step: number): Promise<LogFile> {
    const text = await readFile(path, 'utf8').catch(error => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const entries = text.split('\n').flatMap(parse)
    const kept = entries.filter(entry => entry.step <= step)
    await saveFile(path, bytesFile(path, new TextEncoder().encode(kept.map(line).join(''))))
    return new LogFile(path, kept)
  }

  async add(entry: LogEntry): Promise<void> {
    this.entries.push(entry)
    await appendFile(this.path, line(entry))
  }
}

/** If a run was killed, its last line may be incomplete. */
const parse = (text: string): LogEntry[] => {
  try {
    const entry = JSON.parse(text)
    return Number.isSafeInteger(entry.step) ? [entry] : []
  } catch {
    return []
  }
}
