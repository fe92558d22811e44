import type { DeviceName } from '@cria/tensor'
import { openOnThreads } from '../device'
import type { Job, Sample } from '../job'
import { titleOf } from '../ops/case'
import { opCases } from '../ops/cases'
import { timeImplementations } from '../ops/implementations'
import { timeCall } from '../ops/time'

export interface OpsOptions {
  readonly device: DeviceName
  readonly threads: number
  /** The ops to time. An empty list means all of them. */
  readonly ops: readonly string[]
  /** Of `webgpu`: whether it uses the GPU's units for matrices. */
  readonly subgroupMatrices?: true | undefined
}

/** Every op on one device: seconds of a call, by the case's title; of `webgpu` by case and implementation. */
export const prepare = async ({ device: name, threads, ops, subgroupMatrices }: OpsOptions): Promise<Job> => {
  const device = await openOnThreads(name, threads, { subgroupMatrices })
  const cases = opCases(device.weightTypes).filter(({ op }) => ops.length === 0 || ops.includes(op))
  return {
    description: device.description,
    run: async () => {
      if (name === 'webgpu') return timeImplementations(device, cases, { subgroupMatrices })
      const seconds: Record<string, number> = {}
      for (const one of cases) {
        using _scope = device.scope()
        seconds[titleOf(one)] = await timeCall(device, one.prepare(device))
      }
      return seconds satisfies Sample
    },
    close: () => device.close(),
  }
}
