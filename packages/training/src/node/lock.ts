import { createHash, randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { RunLockedError } from '../errors'

/** The process that holds a folder. */
interface Owner {
  readonly pid: number
  readonly host: string
  /** When the process began: a later process may have the same number. */
  readonly started: string
}

/** When a process began, in ticks since the system did; empty where the system does not say. */
const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name of the command, in brackets, may hold spaces and brackets.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

const isAlive = async ({ pid, host, started }: Owner): Promise<boolean> => {
  if (host !== hostname()) return true // processes of another machine cannot be checked
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return (await startOf(pid)) === started
}

const parseOwner = (text: string): Owner | undefined => {
  try {
    const { pid, host, started } = JSON.parse(text)
    const whole = Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string' && typeof started === 'string'
    return whole ? { pid, host, started } : undefined
  } catch {
    return undefined
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

/** Links `own` to `path`, unless there is a lock already. So the lock appears with its whole content, or not at all. */
const take = async (own: string, path: string): Promise<boolean> => {
  try {
    await link(own, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** The content of a lock; undefined if it is gone. */
const read = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(error => (codeOf(error) === 'ENOENT' ? undefined : ''))

/**
 * Takes a folder for this process, until the returned function is called. The lock of a process that was killed is taken over.
 * @throws RunLockedError if a process that is alive holds it
 */
export const lockFolder = async (folder: string): Promise<() => Promise<void>> => {
  const path = join(folder, 'run.lock')
  const id = randomUUID()
  const own = `${path}.${id}`
  const refuse = (owner: Owner | undefined, lock: string): never => {
    const who = owner ? `process ${owner.pid} on ${owner.host}` : 'an unknown process'
    throw new RunLockedError(
      `${folder} is in use by ${who}: let that run end, or give another folder (if there is no such run, remove ${lock})`,
    )
  }
  /** Removes the lock of a process that has ended. */
  const removeStale = async (lock: string): Promise<void> => {
    const found = await read(lock)
    if (found === undefined) return
    const owner = parseOwner(found)
    if (owner === undefined || (await isAlive(owner))) return refuse(owner, lock)
    // Several processes may find the same lock. One of them takes the right to remove it. No other may, so a lock that was taken since is
    // not removed in its place. The right is a lock too, because its process may be killed.
    const right = `${lock}.${createHash('sha256').update(found).digest('hex').slice(0, 16)}`
    if (!(await take(own, right))) return removeStale(right)
    try {
      if ((await read(lock)) === found) await rm(lock, { force: true })
    } finally {
      await rm(right, { force: true })
    }
  }
  await writeFile(own, JSON.stringify({ pid: process.pid, host: hostname(), started: await startOf(process.pid), id }))
  try {
    while (!(await take(own, path))) await removeStale(path)
  } finally {
    await rm(own, { force: true })
  }
  return () => rm(path, { force: true })
}
