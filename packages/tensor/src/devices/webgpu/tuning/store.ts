import { nodeBuiltin, nodeProcess } from '../../node-require'
import { hashOf } from './contest'
import type { Verdict } from './tune'

/** Where verdicts are kept from one start to the next. */
export interface VerdictStore {
  /** Where that is, or why it is nowhere. */
  readonly place: string
  /** Verdicts by contest and hash of its shaders; none if there are none, or they cannot be read. */
  read(): Promise<Readonly<Record<string, Verdict>>>
  /** @returns why they could not be kept */
  write(verdicts: Readonly<Record<string, Verdict>>): Promise<string | undefined>
}

interface Files {
  readonly promises: {
    readFile(path: string, encoding: 'utf8'): Promise<string>
    writeFile(path: string, text: string): Promise<void>
    mkdir(path: string, options: { recursive: true }): Promise<unknown>
    rename(from: string, to: string): Promise<void>
  }
}

/** The user's folder for what can be made again. */
const cacheFolder = (): string | undefined => {
  const process = nodeProcess()
  if (!process || !nodeBuiltin('node:fs')) return undefined
  const { XDG_CACHE_HOME, HOME, LOCALAPPDATA } = process.env
  if (process.platform === 'win32') return LOCALAPPDATA && `${LOCALAPPDATA}\\cria`
  if (XDG_CACHE_HOME) return `${XDG_CACHE_HOME}/cria`
  return HOME && `${HOME}/${process.platform === 'darwin' ? 'Library/Caches' : '.cache'}/cria`
}

const isVerdict = (value: unknown): value is Verdict => {
  const { chosen, microseconds, wrong } = (value ?? {}) as Partial<Verdict>
  return typeof chosen === 'string' && typeof microseconds === 'object' && microseconds !== null && Array.isArray(wrong)
}

/** What is whole of something that was read. */
const verdictsIn = (value: unknown, environment: string): Record<string, Verdict> => {
  const { environment: of, verdicts } = (value ?? {}) as { environment?: unknown; verdicts?: unknown }
  if (of !== environment || typeof verdicts !== 'object' || verdicts === null) return {}
  return Object.fromEntries(Object.entries(verdicts).filter(([, verdict]) => isVerdict(verdict)))
}

const inFolder = (folder: string, environment: string): VerdictStore => {
  const { promises: fs } = nodeBuiltin<Files>('node:fs') as Files
  const place = `${folder}/webgpu-${hashOf(environment)}.json`
  return {
    place,
    read: async () => {
      try {
        return verdictsIn(JSON.parse(await fs.readFile(place, 'utf8')), environment)
      } catch {
        return {} // not written yet, or damaged: it is measured again
      }
    },
    write: async verdicts => {
      const part = `${place}.${nodeProcess()?.pid}.part`
      try {
        await fs.mkdir(folder, { recursive: true })
        await fs.writeFile(part, JSON.stringify({ environment, verdicts }))
        await fs.rename(part, place)
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}

const DATABASE = 'cria'
const TABLE = 'webgpu-tuning'

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

const inDatabase = (environment: string): VerdictStore => {
  const open = async () => {
    const opening = indexedDB.open(DATABASE, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE)
    return settled(opening)
  }
  const use = async <T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const database = await open()
    try {
      return await settled(work(database.transaction(TABLE, mode).objectStore(TABLE)))
    } finally {
      database.close()
    }
  }
  return {
    place: `IndexedDB "${DATABASE}"`,
    read: async () => {
      try {
        return verdictsIn(await use('readonly', table => table.get(environment)), environment)
      } catch {
        return {} // a page whose storage is blocked
      }
    },
    write: async verdicts => {
      try {
        await use('readwrite', table => table.put({ environment, verdicts }, environment))
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    },
  }
}

const nowhere: VerdictStore = {
  place: 'nowhere: this runtime has neither a cache folder nor IndexedDB',
  read: async () => ({}),
  write: async () => undefined,
}

/**
 * The store of an environment: IndexedDB in pages, the user's cache folder elsewhere.
 * @param environment all that verdicts depend on beside the shaders: adapter, features, versions
 */
export const openStore = (environment: string): VerdictStore => {
  if ('indexedDB' in globalThis) return inDatabase(environment)
  const folder = cacheFolder()
  return folder === undefined ? nowhere : inFolder(folder, environment)
}
