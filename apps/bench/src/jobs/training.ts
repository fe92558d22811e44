import { llama2 } from '@cria/llama2'
import { type DeviceName, Profiler } from '@cria/tensor'
import { initialiseWeights, Trainer } from '@cria/training'
import type { VariantSizes } from '@cria/training/experiments'
import { openOnThreads } from '../device'
import type { Job } from '../job'
import { trainingRows } from '../training/sizes'

export interface TrainingOptions {
  readonly device: DeviceName | 'auto'
  readonly threads: number
  readonly size: VariantSizes
  /** Rows of a step. */
  readonly rows: number
}

/** Whole training steps of Cria: forward, backward, clipping, AdamW. Each is on the same rows. */
export const prepare = async ({ device: name, threads, size, rows }: TrainingOptions): Promise<Job> => {
  const device = await openOnThreads(name, threads)
  const model = llama2(device, { ...size, tied_output: true })
  initialiseWeights(model)
  const all = trainingRows(size, rows)
  const data = {
    sources: [{ name: 'random' }],
    row: (n: number) => ({ ids: all[n % rows], documents: [0], source: 0 }),
  }
  const batchTokens = rows * size.max_seq_len
  const trainer = new Trainer(model, { data, schedule: () => 1e-3, batchTokens })
  const profiler = new Profiler()
  {
    using _observing = device.observe(profiler)
    await trainer.next()
  }
  const flops = profiler.rows.reduce((sum, row) => sum + row.flops, 0)
  return {
    description: `device ${device.name}: ${device.description}`,
    run: async () => {
      const { seconds, loss } = await trainer.next()
      return { seconds, loss, flops }
    },
    close: async () => {
      trainer.dispose()
      model.dispose()
      await device.close()
    },
  }
}
