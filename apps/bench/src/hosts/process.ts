import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ContenderError } from '../errors'
import type { Job, Sample } from '../job'
import type { JobName, OptionsOf } from '../jobs/index'
import type { Reply, Request } from './child'
import type { Contender } from './contender'
import { peakResidentBytes } from './resident'

export interface ProcessOptions {
  /** The Node that runs it; this one unless given. */
  readonly node?: string | undefined
}

/**
 * Makes a job ready in a child process.
 * @throws ContenderError when it cannot be made ready
 */
export const inProcess = async <N extends JobName>(
  name: string,
  job: N,
  options: OptionsOf<N>,
  { node = process.execPath }: ProcessOptions = {},
): Promise<Contender> => {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
    execPath: node,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const fails = (problem: string) => new ContenderError(`${name}: ${problem}`)
  const ended = new Promise<never>((_, reject) => {
    child.once('error', ({ message }) => reject(fails(`its process does not run: ${message}`)))
    child.once('exit', (code, signal) => reject(fails(`its process ended (${signal ?? `code ${code}`})`)))
  })
  ended.catch(() => {}) // those who await it get the error
  const ask = (request: Request): Promise<unknown> =>
    Promise.race([
      ended,
      new Promise((resolve, reject) => {
        child.once('message', (reply: Reply) => ('error' in reply ? reject(fails(reply.error)) : resolve(reply.value)))
        child.send(request, () => {}) // what cannot be sent has an ended process
      }),
    ])
  try {
    const prepared = (await ask({ ask: 'prepare', job, options })) as Pick<Job, 'description' | 'details'>
    return {
      name,
      ...prepared,
      run: async () => (await ask({ ask: 'run' })) as Sample,
      peakBytes: async () => (child.pid === undefined ? undefined : peakResidentBytes(child.pid)),
      close: async () => {
        await ask({ ask: 'close' })
        child.disconnect()
      },
    }
  } catch (error) {
    child.kill()
    throw error
  }
}
