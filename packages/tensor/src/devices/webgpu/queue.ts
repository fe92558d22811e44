import { BINDING_ALIGNMENT, type Buffers, GPU_COPY_DST, GPU_MAP_READ, GPU_UNIFORM, type GpuStorage } from './buffers'
import type { Shader, ShaderStep, Slot } from './shaders/shader'

/** A compute shader with these bindings: 0 parameters (uniform), then arrays that are read, then arrays that are written. */
export interface Program {
  readonly id: number
  readonly layout: GPUBindGroupLayout
  readonly parameterBytes: number
  readonly source: GPUComputePipelineDescriptor
  /** Undefined until it is compiled: in the background, or when it is first dispatched. */
  pipeline: GPUComputePipeline | undefined
}

/** How many arrays a program binds. */
export interface Arrays {
  readonly reads: number
  readonly writes: number
}

const ARENA_BYTES = 2 ** 20
const CACHED_GROUPS = 8192
/** Buffers kept to read results through. */
const IDLE_STAGING = 4

/**
 * Collects dispatches in one command encoder and submits them together, when data is read or the parameters' arena is full.
 * Parameters of all dispatches lie in one uniform buffer, bound at an offset and written once a submit.
 */
export class DispatchQueue {
  readonly #arena: GPUBuffer
  readonly #parameters = new Uint8Array(ARENA_BYTES)
  readonly #shaders = new Map<Shader, Program>()
  readonly #groups = new Map<string, GPUBindGroup>()
  readonly #staging: GPUBuffer[] = []
  #programs = 0
  #used = 0
  #encoder: GPUCommandEncoder | undefined
  #pass: GPUComputePassEncoder | undefined
  /** Submits since the device was opened. */
  submits = 0
  /** Bytes that went to the GPU and came back since the device was opened. */
  readonly traffic = { written: 0, read: 0 }

  constructor(
    private readonly device: GPUDevice,
    private readonly buffers: Buffers,
  ) {
    this.#arena = device.createBuffer({ size: ARENA_BYTES, usage: GPU_UNIFORM | GPU_COPY_DST })
  }

  program(name: string, code: string, arrays: Arrays, parameterBytes: number): Program {
    const entries: GPUBindGroupLayoutEntry[] = [
      {
        binding: 0,
        visibility: 4,
        buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes },
      },
    ]
    const { reads, writes } = arrays
    for (let i = 0; i < reads + writes; i++)
      entries.push({ binding: i + 1, visibility: 4, buffer: { type: i < reads ? 'read-only-storage' : 'storage' } })
    const layout = this.device.createBindGroupLayout({ label: name, entries })
    const source = {
      label: name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.device.createShaderModule({ label: name, code }), entryPoint: 'main' },
    }
    return { id: this.#programs++, layout, parameterBytes, source, pipeline: undefined }
  }

  /** The program of a step's shader, made once. */
  programOf({ shader, parameters, reads, writes }: ShaderStep): Program {
    let program = this.#shaders.get(shader)
    if (!program) {
      const arrays = { reads: reads.length, writes: writes.length }
      program = this.program(shader.name, shader.code, arrays, 4 * parameters.length)
      this.#shaders.set(shader, program)
    }
    return program
  }

  /** Compiles a program in the background. What is dispatched before compiles at once. @throws GPUPipelineError */
  async compile(program: Program): Promise<void> {
    const pipeline = await this.device.createComputePipelineAsync(program.source)
    program.pipeline ??= pipeline
  }

  /** @param storageOf gives the memory of a slot */
  run(step: ShaderStep, storageOf: (slot: Slot) => GpuStorage): void {
    const { parameters, reads, writes, groups } = step
    const words = Uint32Array.from(parameters).buffer
    this.dispatch(this.programOf(step), words, reads.map(storageOf), writes.map(storageOf), groups)
  }

  dispatch(
    program: Program,
    parameters: ArrayBuffer,
    reads: readonly GpuStorage[],
    writes: readonly GpuStorage[],
    groups: readonly [number, number, number],
  ): void {
    if (this.#used + program.parameterBytes > ARENA_BYTES) this.submit()
    const offset = this.#used
    this.#parameters.set(new Uint8Array(parameters), offset)
    this.#used += Math.ceil(program.parameterBytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
    this.#encoder ??= this.device.createCommandEncoder()
    this.#pass ??= this.#encoder.beginComputePass()
    program.pipeline ??= this.device.createComputePipeline(program.source)
    this.#pass.setPipeline(program.pipeline)
    this.#pass.setBindGroup(0, this.#group(program, reads, writes), [offset])
    this.#pass.dispatchWorkgroups(...groups)
  }

  clear(storage: GpuStorage): void {
    this.#outside().clearBuffer(storage.buffer, storage.offset, storage.bytes)
  }

  /** Copies bytes between two buffers. */
  copy(source: GpuStorage, from: number, target: GpuStorage, to: number, bytes: number): void {
    this.#outside().copyBufferToBuffer(source.buffer, source.offset + from, target.buffer, target.offset + to, bytes)
  }

  /** Submits what is enqueued and resolves with the first `bytes` of a tensor. */
  async read(storage: GpuStorage, bytes: number): Promise<ArrayBuffer> {
    const staging = this.#takeStaging(bytes)
    this.#outside().copyBufferToBuffer(storage.buffer, storage.offset, staging, 0, bytes)
    this.submit()
    try {
      await staging.mapAsync(1, 0, bytes)
    } catch (error) {
      staging.destroy()
      throw error
    }
    const values = staging.getMappedRange(0, bytes).slice(0)
    this.traffic.read += bytes
    staging.unmap()
    if (this.#staging.length < IDLE_STAGING) this.#staging.push(staging)
    else staging.destroy()
    return values
  }

  /** Before all that is not submitted yet. @param to where to, in bytes */
  write(buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>, to = 0): void {
    this.device.queue.writeBuffer(buffer, to, bytes)
    this.traffic.written += bytes.byteLength
  }

  submit(): void {
    if (!this.#encoder) return
    this.#pass?.end()
    this.write(this.#arena, this.#parameters.subarray(0, this.#used))
    this.device.queue.submit([this.#encoder.finish()])
    this.#encoder = undefined
    this.#pass = undefined
    this.#used = 0
    this.submits++
    this.buffers.submitted()
    if (this.#groups.size > CACHED_GROUPS) this.#groups.clear()
  }

  /** Forgets which buffers were bound together: some are gone. */
  forgetGroups(): void {
    this.#groups.clear()
  }

  /** A buffer to read through: an idle one that is large enough, or a new one. */
  #takeStaging(bytes: number): GPUBuffer {
    const index = this.#staging.findIndex(({ size }) => size >= bytes && size <= 4 * bytes + 4096)
    if (index >= 0) return this.#staging.splice(index, 1)[0]
    const size = Math.ceil(bytes / 256) * 256
    return this.device.createBuffer({ size, usage: GPU_MAP_READ | GPU_COPY_DST })
  }

  /** The encoder, between two compute passes. */
  #outside(): GPUCommandEncoder {
    this.#encoder ??= this.device.createCommandEncoder()
    this.#pass?.end()
    this.#pass = undefined
    return this.#encoder
  }

  #group(program: Program, reads: readonly GpuStorage[], writes: readonly GpuStorage[]): GPUBindGroup {
    const bound = [...reads, ...writes]
    const key = `${program.id}:${bound.map(({ id }) => id)}`
    let group = this.#groups.get(key)
    if (!group) {
      group = this.device.createBindGroup({
        layout: program.layout,
        entries: [
          { binding: 0, resource: { buffer: this.#arena, size: program.parameterBytes } },
          ...bound.map(({ buffer, offset, bytes, whole }, i) => ({
            binding: i + 1,
            resource: whole ? { buffer, offset, size: bytes } : { buffer },
          })),
        ],
      })
      this.#groups.set(key, group)
    }
    return group
  }
}
