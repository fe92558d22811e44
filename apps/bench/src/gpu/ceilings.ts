import type { CeilingSample } from '../ceilings/measure'
import type { Job } from '../job'
import { summarize } from '../statistics'
import type { Gpu, GpuHandle } from './device'

/** The most that a GPU does through WebGPU, and what its interface costs. */
export interface GpuCeilingSample extends CeilingSample {
  /** Seconds of a dispatch that waits for the one before. */
  readonly dispatch: number
  /** Seconds from a submit of nothing until its 4 bytes are read. */
  readonly map: number
}

export interface GpuCeilingOptions {
  /** Bytes that are read again and again. */
  readonly bytes: number
}

const THREADS = 256
/** vec4 that a lane of the reading shader takes. */
const EACH = 32
/** Multiply-adds of vec4 in a lane of the computing shader: 4 sums, this many rounds. */
const ROUNDS = 1024
const MOST_GROUPS = 16_384
/** Seconds that a dispatch of the computing shader takes at least, unless it has the most workgroups. */
const LONG_ENOUGH = 0.005
const DISPATCHES = 256

const read = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = group.x * ${THREADS * EACH}u + lane;
  var sum = vec4<f32>();
  for (var i = 0u; i < ${EACH}u; i++) { sum += x[start + i * ${THREADS}u]; }
  // No sum is -1, but the compiler does not know.
  if (dot(sum, vec4<f32>(1.0)) == -1.0) { y[0] = 1.0; }
}`

const multiplyAdd = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let factor = x[0] + vec4<f32>(0.5);
  var a = vec4<f32>(f32(id.x));
  var b = a + 1.0;
  var c = a + 2.0;
  var d = a + 3.0;
  for (var i = 0u; i < ${ROUNDS}u; i++) {
    a = fma(a, factor, b);
    b = fma(b, factor, c);
    c = fma(c, factor, d);
    d = fma(d, factor, a);
  }
  if (dot(a + b + c + d, vec4<f32>(1.0)) == -1.0) { y[0] = 1.0; }
}`

const small = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) lane: u32) { y[lane] = y[lane] + x[0].x; }`

const median = (values: readonly number[]): number => summarize(values).median

// GPUBufferUsage is a global of pages, not of Node; the specification fixes its values.
const [MAP_READ, COPY_SRC, COPY_DST, STORAGE] = [1, 4, 8, 128]

/** Measures in WGSL: bytes read, multiply-adds, dispatches that depend on each other, and an empty submit. */
export const gpuCeilings = async (gpu: Gpu, { bytes }: GpuCeilingOptions): Promise<Job> => {
  const grain = 16 * THREADS * EACH
  const largest = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize, grain * 65_535)
  const size = Math.max(grain, Math.floor(Math.min(largest, bytes) / grain) * grain)
  const x = Array.from({ length: Math.max(1, Math.round(bytes / size)) }, () =>
    gpu.createBuffer({ size, usage: STORAGE | COPY_DST }),
  )
  const y = gpu.createBuffer({ size: 4 * THREADS, usage: STORAGE | COPY_SRC })
  const staging = gpu.createBuffer({ size: 4, usage: MAP_READ | COPY_DST })
  const layout = gpu.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: 4, buffer: { type: 'read-only-storage' } },
      { binding: 1, visibility: 4, buffer: { type: 'storage' } },
    ],
  })
  const pipelines = await Promise.all(
    [read, multiplyAdd, small].map(code =>
      gpu.createComputePipelineAsync({
        layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: gpu.createShaderModule({ code }), entryPoint: 'main' },
      }),
    ),
  )
  const groups = x.map(buffer =>
    gpu.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer } },
        { binding: 1, resource: { buffer: y } },
      ],
    }),
  )
  /** Seconds from a submit of this number of dispatches until a result can be read. */
  const time = async (pipeline: GpuHandle, dispatches: number, groupsOfEach: number): Promise<number> => {
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    for (let i = 0; i < dispatches; i++) {
      pass.setBindGroup(0, groups[i % groups.length])
      pass.dispatchWorkgroups(groupsOfEach)
    }
    pass.end()
    encoder.copyBufferToBuffer(y, 0, staging, 0, 4)
    const start = performance.now()
    gpu.queue.submit([encoder.finish()])
    await staging.mapAsync(1)
    const seconds = (performance.now() - start) / 1000
    staging.unmap()
    return seconds
  }
  /** Seconds of one dispatch, without what a submit costs: of n and of 3 n, the middle of three. */
  const perDispatch = async (pipeline: GpuHandle, count: number, workgroups: number): Promise<number> => {
    const found: number[] = []
    for (let i = 0; i < 3; i++) {
      const once = await time(pipeline, count, workgroups)
      found.push(((await time(pipeline, 3 * count, workgroups)) - once) / (2 * count))
    }
    // Timers are coarse: what seems to take none takes less than they tell.
    return Math.max(1e-9, median(found))
  }
  const [reading, computing, tiny] = pipelines
  let workgroups = 16
  while (workgroups < MOST_GROUPS && (await time(computing, 1, workgroups)) < LONG_ENOUGH) workgroups *= 4
  return {
    description: `WGSL, ${x.length} x ${size} bytes`,
    run: async (): Promise<GpuCeilingSample> => {
      const f32 = (workgroups * THREADS * ROUNDS * 4 * 4 * 2) / (await perDispatch(computing, 1, workgroups))
      const maps: number[] = []
      for (let i = 0; i < 5; i++) maps.push(await time(tiny, 0, 1))
      return {
        read: size / (await perDispatch(reading, x.length, size / grain)),
        // The shaders multiply weights in blocks as floats too.
        ...{ f32, i8: f32 },
        dispatch: await perDispatch(tiny, DISPATCHES, 1),
        map: median(maps),
      }
    },
    close: async () => {
      for (const buffer of [...x, y, staging]) buffer.destroy()
    },
  }
}
