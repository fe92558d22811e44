import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type CeilingOptions, measureCeilings } from '../ceilings/measure'
import type { Job } from '../job'

/** The ceilings of this Node. */
export const prepare = (options: CeilingOptions): Promise<Job> =>
  measureCeilings(options, async () => {
    const worker = new Worker(fileURLToPath(new URL('./ceilings-worker.js', import.meta.url)))
    return {
      work: async stint => {
        worker.postMessage(stint)
        const [rate] = await once(worker, 'message')
        return rate
      },
      close: async () => {
        await worker.terminate()
      },
    }
  })
