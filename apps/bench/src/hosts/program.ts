import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ContenderError } from '../errors'
import { peakResidentBytes } from './resident'

/** Output, time and memory of a program that has ended. */
export interface ProgramRun {
  readonly stdout: string
  /** From its start to the first byte that it wrote to standard output, or to its end if it wrote nothing. */
  readonly firstByteSeconds: number
  /** Undefined where the system does not tell. */
  readonly peakBytes: number | undefined
}

/** How often the memory of a running program is looked at. Its high-water mark only grows. */
const LOOK_MS = 50

/** At most this many characters of error output are stored, for messages. */
const MAX_ERRORS = 10_000

/**
 * Runs a program to its end.
 * @param name names it in errors
 * @throws ContenderError if it does not start, or ends with an error, with the last line that it wrote
 */
export const runProgram = async (name: string, path: string, args: readonly string[]): Promise<ProgramRun> => {
  const start = performance.now()
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const seconds = () => (performance.now() - start) / 1000
  let [stdout, stderr] = ['', '']
  let firstByteSeconds: number | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    firstByteSeconds ??= seconds()
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_ERRORS)
  })
  let peakBytes: number | undefined
  const look = setInterval(async () => {
    if (child.pid === undefined) return
    const bytes = await peakResidentBytes(child.pid)
    if (bytes !== undefined) peakBytes = Math.max(bytes, peakBytes ?? 0)
  }, LOOK_MS)
  try {
    const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.once('error', ({ message }) => reject(new ContenderError(`${name} does not run: ${message}`)))
      child.once('close', (code, signal) => resolve(code ?? signal))
    })
    if (code !== 0) {
      const last = stderr.trim().split('\n').at(-1)
      throw new ContenderError(`${name} ended with ${code}: ${last || 'it wrote no error'}`)
    }
    return { stdout, firstByteSeconds: firstByteSeconds ?? seconds(), peakBytes }
  } finally {
    clearInterval(look)
  }
}

/** The path of a program in the folders of PATH; undefined if none of them has it. */
export const findProgram = (name: string, path = process.env.PATH ?? ''): string | undefined =>
  path
    .split(delimiter)
    .filter(folder => folder !== '')
    .map(folder => join(folder, name))
    .find(existsSync)
