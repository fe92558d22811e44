import { type CeilingOptions, measureCeilings } from '../ceilings/measure'
import type { Job } from '../job'

/** The ceilings of this browser. */
export const prepare = (options: CeilingOptions): Promise<Job> =>
  measureCeilings(options, async () => {
    const worker = new Worker(new URL('./ceilings-worker.js', import.meta.url), { type: 'module' })
    return {
      work: stint =>
        new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data)
          worker.onerror = ({ message }) => reject(new Error(`a web worker failed: ${message}`))
          worker.postMessage(stint)
        }),
      close: async () => worker.terminate(),
    }
  })
