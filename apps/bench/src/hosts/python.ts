import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ContenderError } from '../errors'
import type { Sample } from '../job'
import type { Contender } from './contender'
import { peakResidentBytes } from './resident'

export interface PythonOptions {
  /** The Python that runs it: a name on the PATH, or a path. */
  readonly python: string
  /** Path of a script that takes JSON as its argument, describes itself in one line, and answers each line with a sample. */
  readonly script: string
  readonly argument: unknown
}

/**
 * Makes a contender ready that is a Python script.
 * @throws ContenderError if it ends before it is ready, with the last line that it wrote
 */
export const inPython = async (name: string, { python, script, argument }: PythonOptions): Promise<Contender> => {
  // Threads of OpenMP that spin while they wait make timings erratic.
  const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' }
  const child = spawn(python, [script, JSON.stringify(argument)], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-10_000)
  })
  child.stdin.on('error', () => {}) // that the program ended is reported below
  const fails = (problem: string) => new ContenderError(`${name}: ${problem}`)
  const ended = new Promise<never>((_, reject) => {
    child.once('error', ({ message }) => reject(fails(`${python} does not run: ${message}`)))
    child.once('close', code => reject(fails(errors.trim().split('\n').at(-1) || `it ended with code ${code}`)))
  })
  ended.catch(() => {}) // those who await it get the error
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async <T>(): Promise<T> => {
    const next = lines.next()
    const { done, value } = await Promise.race([next, ended])
    if (done) return ended
    try {
      return JSON.parse(value)
    } catch {
      throw fails(`it wrote ${JSON.stringify(value.slice(0, 80))}, expected JSON`)
    }
  }
  try {
    const { description } = await answer<{ description: string }>()
    return {
      name,
      description,
      run: () => {
        child.stdin.write('run\n')
        return answer<Sample>()
      },
      peakBytes: async () => (child.pid === undefined ? undefined : peakResidentBytes(child.pid)),
      close: async () => {
        child.stdin.end()
        await ended.catch(() => {})
      },
    }
  } catch (error) {
    child.kill()
    throw error
  }
}
