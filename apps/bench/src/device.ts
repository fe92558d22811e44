import { type Device, type DeviceName, openDevice } from '@cria/tensor'

/** Opens a device. The number of threads is for all contenders, and only `simd` has one to choose. */
export const openOnThreads = (name: DeviceName | 'auto', threads: number): Promise<Device> =>
  openDevice(name, name === 'simd' || name === 'auto' ? { threads } : {})
