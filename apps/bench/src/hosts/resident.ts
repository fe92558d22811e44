import { readFile } from 'node:fs/promises'

/** The most memory that a process of this machine has held, resident, in bytes: Linux tells, other systems do not. */
export const peakResidentBytes = async (pid: number): Promise<number | undefined> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  return kibibytes === undefined ? undefined : 1024 * Number(kibibytes)
}
