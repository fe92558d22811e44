import { openDevice } from '@cria/tensor'
import { type GpuCeilingOptions, gpuCeilings } from '../gpu/ceilings'
import { gpuOf } from '../gpu/device'
import type { Job } from '../job'

/** The ceilings of WebGPU in this Node. */
export const prepare = async (options: GpuCeilingOptions): Promise<Job> => {
  const device = await openDevice('webgpu', { tune: 'off' })
  const job = await gpuCeilings(gpuOf(device), options)
  return {
    ...job,
    description: `${job.description} on ${device.description}`,
    close: async () => {
      await job.close()
      await device.close()
    },
  }
}
