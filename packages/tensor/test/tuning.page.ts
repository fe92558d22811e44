import { linear } from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'

/** Tunes one product twice, on its own devices. */
export default async () => {
  const tuned = async () => {
    await using device = await WebGpuDevice.open({ tune: 'on', tuner: { budget: 200_000, workingSet: 2 ** 16 } })
    await device.prepare(on => {
      using _scope = on.scope()
      linear(on.zeros([1, 512]), on.zeros([96, 512]))
    })
    const { choices = [], place } = device.tuning ?? {}
    return { kept: choices.map(({ kept }) => kept), place }
  }
  return { first: await tuned(), second: await tuned() }
}
