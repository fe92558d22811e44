import type { DeviceOptions, Storage, TensorData } from '../device'
import { DeviceFailedError } from '../errors'
import { type Extent, type Kernel, kernel } from '../kernel'
import { sizeOf } from '../shape'
import type { Spec } from '../spec'
import { isSoftware, rendererOf } from './gl-renderer'
import { compileKernel, type Gpu, type GpuKernel, input, openGpu } from './gpu-js'
import { asFloats, type KernelArguments, KernelDevice } from './kernel-device'

export type GlName = 'webgl2' | 'webgl' | 'headlessgl'

/** The result of gpu.js that stays on the GPU. */
interface GlTexture {
  readonly texture: unknown
  readonly size: Int32Array
  readonly context: WebGLRenderingContext
  readonly kernel: unknown
  readonly output: number[]
  toArray(): unknown
  delete(): void
}

interface GlStorage extends Storage {
  readonly texture: GlTexture
}

/** A texture under another extent: gpu.js reads an argument's dimensions from the argument. */
class TextureView {
  readonly type = 'ArrayTexture(1)'
  readonly texture: unknown
  readonly size: Int32Array
  readonly context: unknown
  readonly kernel: unknown
  readonly output: number[]
  readonly dimensions: Int32Array

  constructor({ texture, size, context, kernel }: GlTexture, extent: Extent) {
    this.texture = texture
    this.size = size
    this.context = context
    this.kernel = kernel
    this.output = [...extent]
    const [x, y = 1, z = 1] = extent
    this.dimensions = Int32Array.of(x, y, z)
  }
}

const upload = kernel('upload', [1], function (x) {
  return x[this.thread.x]
})

const CANARY = Float32Array.of(1, 2, 3, 4, 5)

/**
 * gpu.js's GL modes. Each result is a texture that stays on the GPU; drawing is enqueued by the driver, and reading waits.
 * A driver's watchdog may drop work without an error, and then all reads are zeros. A test value that is drawn with each read detects this.
 */
export class GlDevice extends KernelDevice {
  readonly description: string
  override readonly software: boolean
  readonly #gpu: Gpu
  readonly #kernels = new Map<Kernel, GpuKernel>()
  readonly #context: WebGLRenderingContext

  constructor(
    readonly name: GlName,
    force?: DeviceOptions['force'],
  ) {
    super(force)
    this.#gpu = openGpu(name)
    const canary = this.#upload(CANARY)
    this.#context = canary.texture.context
    this.release(canary)
    this.description = rendererOf(this.#context)
    this.software = isSoftware(this.description)
  }

  protected allocate(data: TensorData | undefined, { shape }: Spec): Storage {
    return this.#upload(data ? asFloats(data) : new Float32Array(sizeOf(shape)))
  }

  protected release(storage: Storage): void {
    ;(storage as GlStorage).texture.delete()
  }

  protected dispatch(kernel: Kernel, output: Extent, args: KernelArguments): GlStorage {
    const draw = this.#compiled(kernel, output, 'ArrayTexture(1)')
    draw.setOutput([...output])
    const views = args.map(value =>
      typeof value === 'number' ? value : new TextureView((value.storage as GlStorage).texture, value.extent),
    )
    return this.#hold(draw(...views))
  }

  protected async download(storage: Storage, { shape }: Spec): Promise<Float32Array> {
    const values = flatten((storage as GlStorage).texture.toArray(), sizeOf(shape))
    const canary = this.#upload(CANARY)
    const alive = flatten(canary.texture.toArray(), CANARY.length).every((value, i) => value === CANARY[i])
    this.release(canary)
    if (!alive || this.#context.isContextLost())
      throw new DeviceFailedError(
        this.name,
        'the driver dropped its work (a draw that took too long, or a lost context)',
      )
    return values
  }

  protected async shutDown(): Promise<void> {
    await this.#gpu.destroy()
  }

  #upload(values: Float32Array): GlStorage {
    const draw = this.#compiled(upload, [values.length], 'Input')
    draw.setOutput([values.length])
    return this.#hold(draw(input(values, [values.length])))
  }

  #hold(result: unknown): GlStorage {
    const texture = result as GlTexture
    return { texture, bytes: 4 * texture.size[0] * texture.size[1] }
  }

  #compiled(kernel: Kernel, output: Extent, arrays: 'Input' | 'ArrayTexture(1)'): GpuKernel {
    let compiled = this.#kernels.get(kernel)
    if (!compiled) {
      compiled = compileKernel(this.#gpu, kernel, output, arrays, {
        pipeline: true,
        immutable: true,
        tactic: 'precision',
      })
      // gpu.js would not free an argument that was the kernel's last result, so this code frees each texture.
      compiled.kernel.updateTextureArgumentRefs = () => {}
      this.#kernels.set(kernel, compiled)
    }
    return compiled
  }
}

const flatten = (rows: unknown, size: number): Float32Array => {
  const values = new Float32Array(size)
  let offset = 0
  const append = (part: unknown): void => {
    if (typeof part === 'number') values[offset++] = part
    else if (part instanceof Float32Array) {
      values.set(part.length > size - offset ? part.subarray(0, size - offset) : part, offset)
      offset += part.length
    } else for (const inner of part as unknown[]) append(inner)
  }
  append(rows)
  return values
}
