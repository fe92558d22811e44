import { type Buffers, GPU_COPY_DST, GPU_MAP_READ, GPU_UNIFORM, type GpuStorage } from './buffers'

/** A compute shader with the house's bindings: 0 parameters (uniform), then arrays read, then one written. */
export interface Program {
  readonly id: number
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
  readonly parameterBytes: number
}

/** Uniform bindings start at multiples of this many bytes. */
const ALIGNMENT = 256
const ARENA_BYTES = 2 ** 20
const CACHED_GROUPS = 8192

/**
 * Collects dispatches in one command encoder and submits them together, when data is read or the parameters' arena is full.
 * Parameters of all dispatches lie in one uniform buffer, bound at an offset and written once a submit.
 */
export class DispatchQueue {
  readonly #arena: GPUBuffer
  readonly #parameters = new Uint8Array(ARENA_BYTES)
  readonly #groups = new Map<string, GPUBindGroup>()
  #used = 0
  #encoder: GPUCommandEncoder | undefined
  #pass: GPUComputePassEncoder | undefined
  /** Submits since the device was opened. */
  submits = 0

  constructor(
    private readonly device: GPUDevice,
    private readonly buffers: Buffers,
  ) {
    this.#arena = device.createBuffer({ size: ARENA_BYTES, usage: GPU_UNIFORM | GPU_COPY_DST })
  }

  program(id: number, name: string, code: string, arrays: number, parameterBytes: number): Program {
    const entries: GPUBindGroupLayoutEntry[] = [
      {
        binding: 0,
        visibility: 4,
        buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes },
      },
    ]
    for (let i = 1; i <= arrays; i++) entries.push({ binding: i, visibility: 4, buffer: { type: 'read-only-storage' } })
    entries.push({ binding: arrays + 1, visibility: 4, buffer: { type: 'storage' } })
    const layout = this.device.createBindGroupLayout({ label: name, entries })
    const pipeline = this.device.createComputePipeline({
      label: name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.device.createShaderModule({ label: name, code }), entryPoint: 'main' },
    })
    return { id, pipeline, layout, parameterBytes }
  }

  dispatch(
    program: Program,
    parameters: ArrayBuffer,
    reads: readonly GpuStorage[],
    written: GpuStorage,
    groups: readonly [number, number, number],
  ): void {
    if (this.#used + program.parameterBytes > ARENA_BYTES) this.submit()
    const offset = this.#used
    this.#parameters.set(new Uint8Array(parameters), offset)
    this.#used += Math.ceil(program.parameterBytes / ALIGNMENT) * ALIGNMENT
    this.#encoder ??= this.device.createCommandEncoder()
    this.#pass ??= this.#encoder.beginComputePass()
    this.#pass.setPipeline(program.pipeline)
    this.#pass.setBindGroup(0, this.#group(program, reads, written), [offset])
    this.#pass.dispatchWorkgroups(...groups)
  }

  clear(storage: GpuStorage): void {
    this.#outside().clearBuffer(storage.buffer)
  }

  /** Submits what is enqueued and resolves with the first `bytes` of a buffer. */
  async read(storage: GpuStorage, bytes: number): Promise<Float32Array> {
    const staging = this.device.createBuffer({ size: bytes, usage: GPU_MAP_READ | GPU_COPY_DST })
    try {
      this.#outside().copyBufferToBuffer(storage.buffer, 0, staging, 0, bytes)
      this.submit()
      await staging.mapAsync(1)
      return new Float32Array(staging.getMappedRange().slice(0))
    } finally {
      staging.destroy()
    }
  }

  submit(): void {
    if (!this.#encoder) return
    this.#pass?.end()
    this.device.queue.writeBuffer(this.#arena, 0, this.#parameters, 0, this.#used)
    this.device.queue.submit([this.#encoder.finish()])
    this.#encoder = undefined
    this.#pass = undefined
    this.#used = 0
    this.submits++
    this.buffers.submitted()
    if (this.#groups.size > CACHED_GROUPS) this.#groups.clear()
  }

  /** The encoder, between two compute passes. */
  #outside(): GPUCommandEncoder {
    this.#encoder ??= this.device.createCommandEncoder()
    this.#pass?.end()
    this.#pass = undefined
    return this.#encoder
  }

  #group(program: Program, reads: readonly GpuStorage[], written: GpuStorage): GPUBindGroup {
    const key = `${program.id}:${reads.map(read => read.id)}:${written.id}`
    let group = this.#groups.get(key)
    if (!group) {
      group = this.device.createBindGroup({
        layout: program.layout,
        entries: [
          { binding: 0, resource: { buffer: this.#arena, size: program.parameterBytes } },
          ...[...reads, written].map(({ buffer }, i) => ({ binding: i + 1, resource: { buffer } })),
        ],
      })
      this.#groups.set(key, group)
    }
    return group
  }
}
