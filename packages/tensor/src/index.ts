export { apply, applyOne } from './apply'
export {
  Device,
  type DeviceName,
  type DeviceOptions,
  type Precision,
  precisions,
  type Staging,
  type Storage,
  type TensorData,
  type Tune,
  type TunedChoice,
  type TuningReport,
  type Upload,
} from './device'
export { type DeviceReport, deviceNames, listDevices, openDevice } from './devices/registry'
export type { WebGpuDevice } from './devices/webgpu/device'
export { tunedName } from './devices/webgpu/tuning/name'
export * from './errors'
export { type Extent, type Kernel, type KernelParameter, kernel, type Thread } from './kernel'
export { type Dispatched, type Observed, type Observer, type ProfileRow, Profiler, type Recording } from './observers'
export type { Call, Cost, Dispatch, Gradient, GradientCall, Implementation, Op, Operand, Values, View } from './op'
export * from './ops'
export { type Shape, sizeOf } from './shape'
export type { Spec } from './spec'
export { Steps } from './steps'
export { recompute, Tape } from './tape'
export { Scope, Tensor } from './tensor'
