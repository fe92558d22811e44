import { type Device, openDevice } from '@cria/tensor'
import { UsageError } from '../errors'

/** The part of WebGPU's interface that is used. */
export interface Gpu {
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number }
  readonly queue: { submit(commands: readonly unknown[]): void }
  createBuffer(descriptor: { size: number; usage: number }): GpuBuffer
  createBindGroupLayout(descriptor: { entries: readonly unknown[] }): GpuHandle
  createPipelineLayout(descriptor: { bindGroupLayouts: readonly GpuHandle[] }): GpuHandle
  createShaderModule(descriptor: { code: string }): GpuHandle
  createBindGroup(descriptor: { layout: GpuHandle; entries: readonly unknown[] }): GpuHandle
  createComputePipelineAsync(descriptor: { layout: GpuHandle; compute: unknown }): Promise<GpuHandle>
  createCommandEncoder(): {
    beginComputePass(): {
      setPipeline(pipeline: GpuHandle): void
      setBindGroup(index: number, group: GpuHandle): void
      dispatchWorkgroups(x: number): void
      end(): void
    }
    copyBufferToBuffer(from: GpuBuffer, fromByte: number, to: GpuBuffer, toByte: number, bytes: number): void
    finish(): unknown
  }
}

export interface GpuBuffer {
  mapAsync(mode: number): Promise<void>
  unmap(): void
  destroy(): void
}

export type GpuHandle = object

/** The adapter's device beneath Cria's, with the same limits and features. */
export const gpuOf = (device: Device): Gpu => (device as unknown as { readonly gpu: Gpu }).gpu

/** @throws UsageError if the GPU is emulated, whose times say nothing, and this was not asked for */
export const requireHardware = (device: Device, software: boolean | undefined): void => {
  if (device.software && !software)
    throw new UsageError(
      `webgpu runs on a software adapter here, ${device.description}: its times say nothing of a GPU; add --software to time it all the same`,
    )
}

/** As `requireHardware`, of the webgpu of this Node. @throws DeviceUnavailableError */
export const checkHardware = async (software: boolean | undefined): Promise<void> => {
  await using device = await openDevice('webgpu', { tune: 'off' })
  requireHardware(device, software)
}
