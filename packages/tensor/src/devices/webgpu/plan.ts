import type { DType } from '@cria/dtypes'
import type { Precision, Storage, TensorData } from '../../device'
import { DeviceFailedError, TensorError } from '../../errors'
import type { Extent, Kernel } from '../../kernel'
import type { Call, Implementation, Op } from '../../op'
import { checkShape, type Shape, sizeOf } from '../../shape'
import { bytesOf, type Spec } from '../../spec'
import { Tensor } from '../../tensor'
import { checkBinding, type GpuStorage, type Window } from './buffers'
import type { WebGpuOptions } from './device'
import { checkWeight, packedBytes, rowsPerBinding } from './pack-weight'
import { ShaderDevice, shadersOf } from './shader-device'
import type { Shader, ShaderImplementation, ShaderStep } from './shaders/shader'
import { Choices, contestOf, type PlannedContest } from './tuning/contest'
import { tunedName } from './tuning/name'

/** What every adapter binds: the default limit of WebGPU. */
const DEFAULT_BINDING_BYTES = 2 ** 27

interface WebGpuPlanOptions extends Pick<WebGpuOptions, 'force' | 'precision'> {
  readonly bindingBytes?: number | undefined
  readonly features?: ReadonlySet<string> | undefined
  readonly choices?: Choices | undefined
  readonly software?: boolean | undefined
}

/**
 * The device `webgpu` without a GPU: it computes shapes and costs, and lists what would be dispatched, within the limits of
 * an adapter. Nothing is allocated, so the plan of a model of any size takes moments.
 */
export class WebGpuPlan extends ShaderDevice {
  readonly name = 'shape'
  readonly description: string
  override readonly features: ReadonlySet<string>
  override readonly software: boolean
  readonly #bindingBytes: number
  override readonly precision: Precision
  readonly #steps = new Map<Shader, ShaderStep>()
  readonly #kernels = new Map<Kernel, Extent>()
  readonly #contests = new Map<string, PlannedContest>()

  /** @throws TensorError for a binding of no bytes */
  constructor({
    bindingBytes = DEFAULT_BINDING_BYTES,
    features = new Set(),
    precision = 'f32',
    choices = new Choices(),
    software = false,
    force,
  }: WebGpuPlanOptions = {}) {
    super(force, choices)
    if (!(Number.isSafeInteger(bindingBytes) && bindingBytes >= 256))
      throw new TensorError(`plan: bindingBytes is ${bindingBytes}, expected a whole number of at least 256`)
    this.#bindingBytes = bindingBytes
    this.features = features
    this.software = software
    this.precision = precision
    this.description = `shapes and costs of webgpu alone, for bindings of ${bindingBytes} bytes`
  }

  /** A step of each shader that has run. */
  get steps(): readonly ShaderStep[] {
    return [...this.#steps.values()]
  }

  /** Choices among variants that the calls which have run leave open. */
  get contests(): readonly PlannedContest[] {
    return [...this.#contests.values()]
  }

  /** The kernels of gpu.js that have run, each with an output. */
  get kernels(): readonly (readonly [Kernel, Extent])[] {
    return [...this.#kernels]
  }

  /** Of any type: a plan does not ask what weights hold. */
  override zeros(shape: Shape, dtype: DType = 'f32'): Tensor {
    checkShape('zeros', shape)
    this.checkOpen('zeros')
    const spec = { shape, dtype }
    return Tensor.of(this, this.hold(this.allocate(undefined, spec), spec), spec)
  }

  protected override betterImplementations(op: Op): readonly Implementation[] {
    return shadersOf(op, this.features, {
      software: this.software,
      runShaders: (implementation, call) => this.#runShaders(implementation, call),
      copy: () => {},
      note: (...what) => this.note(...what),
    })
  }

  protected allocate(_data: TensorData | undefined, spec: Spec): Storage {
    const { dtype, shape } = spec
    if (shape.length !== 2 || dtype === 'i32') return this.#storage(bytesOf(spec))
    checkWeight(spec)
    const [rows, columns] = shape
    const most = rowsPerBinding(spec, this.#bindingBytes)
    if (most >= rows) return this.#storage(packedBytes(dtype, rows * columns))
    const windows: Window[] = []
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first)
      windows.push({ storage: this.#storage(packedBytes(dtype, count * columns)), first, rows: count })
    }
    const bytes = windows.reduce((sum, { storage }) => sum + storage.bytes, 0)
    const split: GpuStorage = { ...windows[0].storage, bytes, windows }
    return split
  }

  protected release(): void {}

  protected dispatch(kernel: Kernel, output: Extent): Storage {
    this.#kernels.set(kernel, output)
    return this.#storage(4 * sizeOf(output))
  }

  #runShaders(implementation: ShaderImplementation, call: Call): readonly Storage[] {
    const { op, inputs, outputs } = call
    this.#compete(implementation, call)
    for (const step of implementation.plan(call)) {
      this.note(op.name, step.shader.name, step.groups)
      this.#steps.set(step.shader, step)
      for (const slot of step.writes) if ('scratch' in slot) checkBinding(slot.scratch, this.#bindingBytes)
    }
    return outputs.map((output, i) => inputs[op.inPlace?.[i] ?? -1]?.storage ?? this.#storage(bytesOf(output)))
  }

  /** Of the calls of a contest the first is measured. */
  #compete(implementation: ShaderImplementation, call: Call): void {
    const name = tunedName(call)
    if (name === undefined || this.#contests.has(name)) return
    const { features, software, precision } = this
    const contest = contestOf(call, implementation, { features, software, precision })
    if (contest) this.#contests.set(name, contest)
  }

  protected async download(): Promise<Float32Array> {
    throw new DeviceFailedError('shape', 'it holds no data to read; open another device')
  }

  protected async shutDown(): Promise<void> {}

  #storage(bytes: number): GpuStorage {
    checkBinding(bytes, this.#bindingBytes)
    return { buffer: noBuffer, offset: 0, id: '', bytes }
  }
}

/** A plan binds nothing. */
const noBuffer = {} as GPUBuffer
