import { type Device, type DeviceName, type DeviceOptions, openDevice } from '@cria/tensor'

/**
 * Opens a device. The number of threads is for all contenders, and only `simd` has one to choose.
 * @param options of `webgpu` alone
 */
export const openOnThreads = (
  name: DeviceName | 'auto',
  threads: number,
  options: Pick<DeviceOptions, 'tune' | 'subgroupMatrices'> = {},
): Promise<Device> => openDevice(name, { ...(name === 'simd' || name === 'auto' ? { threads } : {}), ...options })
