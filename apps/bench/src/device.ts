import { type Device, type DeviceName, openDevice, type Tune } from '@cria/tensor'

/** Opens a device. The number of threads is for all contenders, and only `simd` has one to choose; only `webgpu` tunes. */
export const openOnThreads = (name: DeviceName | 'auto', threads: number, tune?: Tune): Promise<Device> =>
  openDevice(name, { ...(name === 'simd' || name === 'auto' ? { threads } : {}), ...(tune && { tune }) })
