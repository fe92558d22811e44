import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
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

let locks = 0

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

/**
 * Takes a folder for this process, until the returned function is called. The lock of a process that was killed is taken over.
 * @throws RunLockedError if a process that is alive holds it
 */
export const lockFolder = async (folder: string): Promise<() => Promise<void>> => {
  const path = join(folder, 'run.lock')
  const own = `${path}.${process.pid}.${locks++}`
  const refuse = (owner: Owner | undefined): never => {
    const who = owner ? `process ${owner.pid} on ${owner.host}` : 'an unknown process'
    throw new RunLockedError(
      `${folder} is in use by ${who}: let that run end, or give another folder (if there is no such run, remove ${path})`,
    )
  }
  const started = await startOf(process.pid)
  await writeFile(own, JSON.stringify({ pid: process.pid, host: hostname(), started }))
  try {
    while (!(await take(own, path))) {
      const found = await readFile(path, 'utf8').catch(error => (codeOf(error) === 'ENOENT' ? undefined : ''))
      if (found === undefined) continue
      const owner = parseOwner(found)
      if (owner === undefined || (await isAlive(owner))) return refuse(owner)
      await removeStale(path, found, `${own}.stale`)
    }
  } finally {
    await rm(own, { force: true })
  }
  return () => rm(path, { force: true })
}

/** Removes a lock, unless another process has taken it over since it was read. */
const removeStale = async (path: string, found: string, aside: string): Promise<void> => {
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== found) await take(aside, path)
  await rm(aside, { force: true })
}
