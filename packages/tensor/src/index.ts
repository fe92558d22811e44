export {
  Device,
  type DeviceName,
  type DeviceOptions,
  type Dispatched,
  type Recording,
  type Storage,
  type TensorData,
} from './device'
export { type DeviceReport, deviceNames, listDevices, openDevice } from './devices/registry'
export { WebGpuDevice } from './devices/webgpu/device'
export * from './errors'
export type { Extent } from './kernel'
export type { Cost, Op } from './op'
export * from './ops'
export { type Shape, sizeOf } from './shape'
export { type DType, Scope, Tensor } from './tensor'
