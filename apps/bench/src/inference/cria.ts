import type { Checkpoint, WeightDType } from '@cria/checkpoint'
import { Llama2 } from '@cria/llama2'
import { type DeviceName, loadWeights } from 'cria'
import { openOnThreads } from '../device'
import type { Job } from '../job'
import { fixedIds, type StreamSize, timeStream } from './stream'

export interface CriaOptions extends StreamSize {
  readonly device: DeviceName | 'auto'
  readonly threads: number
  /** As stored unless given. */
  readonly weights?: WeightDType | undefined
}

const argMax = (values: Float32Array): number => {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/** Cria with a model loaded, in Node or in a page. The checkpoint is closed once it is. */
export const criaJob = async (checkpoint: Checkpoint, options: CriaOptions): Promise<Job> => {
  const device = await openOnThreads(options.device, options.threads)
  const network = new Llama2(device, checkpoint.config)
  await loadWeights(network, checkpoint, { weights: options.weights }).finally(() => checkpoint.close())
  const count = options.prompt + options.tokens
  const ids = fixedIds(count, network.config.vocab_size)
  return {
    description: `device ${device.name}: ${device.description}`,
    run: async () => {
      using cache = network.createCache({ capacity: count })
      return await timeStream(ids, options, async next => {
        using logits = network.forward(next, cache)
        return argMax(await logits.read())
      })
    },
    close: async () => {
      network.dispose()
      await device.close()
    },
  }
}
