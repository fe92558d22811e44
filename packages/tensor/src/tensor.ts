import type { Device, Storage } from './device'
import { DisposedError, ShapeError } from './errors'
import type { Op } from './op'
import { format, type Shape, sizeOf } from './shape'

/** How elements are stored. All but weights are `f32`; `q8_0` and `q4_0` are blocks of 32 with a scale, as in GGUF. */
export type DType = 'f32' | 'f16' | 'q8_0' | 'q4_0'

/** Device memory, shared by a tensor and its reshaped views, freed with the last of them. */
interface Allocation {
  storage: Storage
  references: number
}

/**
 * An n-dimensional array on a device. Ops make new tensors and never wait; only {@link Tensor.read} does.
 * It holds device memory until `dispose()`, or until the {@link Scope} in which it was made ends.
 */
export class Tensor implements Disposable {
  #allocation: Allocation | undefined
  #scope: Scope | undefined

  private constructor(
    readonly device: Device,
    readonly shape: Shape,
    readonly dtype: DType,
    allocation: Allocation,
  ) {
    this.#allocation = allocation
    this.moveTo(device.innermost.scope)
  }

  /** Wraps what a device has allocated. Users make tensors by {@link Device.tensor} and by ops. */
  static of(device: Device, storage: Storage, shape: Shape, dtype: DType = 'f32'): Tensor {
    return new Tensor(device, shape, dtype, { storage, references: 1 })
  }

  get size(): number {
    return sizeOf(this.shape)
  }

  get disposed(): boolean {
    return this.#allocation === undefined
  }

  /** What the device holds. @throws DisposedError */
  get storage(): Storage {
    return this.#live().storage
  }

  /** The same elements in another shape, without a copy. One size may be -1: it is inferred. @throws ShapeError */
  reshape(...shape: number[]): Tensor {
    if (this.dtype !== 'f32')
      throw new ShapeError('reshape', `a ${this.dtype} weight keeps its rows as they were uploaded`)
    const known = sizeOf(shape.filter(size => size !== -1))
    const resolved = shape.map(size => (size === -1 ? this.size / known : size))
    const fits = sizeOf(resolved) === this.size && resolved.every(size => Number.isInteger(size) && size >= 1)
    if (!fits || shape.filter(size => size === -1).length > 1)
      throw new ShapeError('reshape', `${format(this.shape)} cannot become ${format(shape)}`)
    const allocation = this.#live()
    allocation.references++
    return new Tensor(this.device, resolved, this.dtype, allocation)
  }

  /** Waits for the device and gives the elements, row-major. @throws DeviceFailedError @throws DisposedError */
  read(): Promise<Float32Array> {
    return this.device.read(this)
  }

  /** Frees the memory, if no reshaped view still uses it. A second call does nothing. */
  dispose(): void {
    const allocation = this.#allocation
    if (!allocation) return
    this.#allocation = undefined
    this.#scope?.forget(this)
    if (--allocation.references === 0) this.device.free(allocation.storage)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Puts other storage in this tensor's place, for ops that write in place on devices that cannot. */
  replace(storage: Storage): void {
    const allocation = this.#live()
    if (allocation.storage === storage) return
    this.device.free(allocation.storage)
    allocation.storage = storage
  }

  /** Makes this tensor end with another scope than so far; with none, at its owner's `dispose()` alone. */
  moveTo(scope: Scope | undefined): void {
    this.#scope?.forget(this)
    this.#scope = scope
    scope?.add(this)
  }

  #live(): Allocation {
    if (!this.#allocation)
      throw new DisposedError(`a tensor of shape ${format(this.shape)} was used after it was disposed`)
    return this.#allocation
  }
}

/**
 * Tensors made while a scope is the innermost one of their device end with it, but those that it keeps:
 * `using scope = device.scope()` … `return scope.keep(result)`. Scopes end in the reverse order of their beginnings, so none
 * should be open where other work of the same device can come between: across an `await`.
 */
export class Scope implements Disposable {
  readonly #tensors = new Set<Tensor>()
  readonly #outer: Scope | undefined
  #ended = false

  constructor(private readonly innermost: { scope: Scope | undefined }) {
    this.#outer = innermost.scope
    innermost.scope = this
  }

  add(tensor: Tensor): void {
    this.#tensors.add(tensor)
  }

  forget(tensor: Tensor): void {
    this.#tensors.delete(tensor)
  }

  /**
   * Lets a tensor outlive this scope: it goes to the scope around, or to the caller's own care. One that was not made in this
   * scope stays whose it is.
   */
  keep(tensor: Tensor): Tensor {
    if (this.#tensors.has(tensor)) tensor.moveTo(this.#outer)
    return tensor
  }

  /** Ends the scope. A second call does nothing. */
  dispose(): void {
    if (this.#ended) return
    this.#ended = true
    this.innermost.scope = this.#outer
    for (const tensor of [...this.#tensors]) tensor.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Applies an op to tensors of one device. The place where a gradient tape listens. */
export const apply = <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor => {
  const { device } = inputs[0]
  for (const [i, input] of inputs.entries()) {
    if (input.device !== device)
      throw new ShapeError(op.name, `its inputs lie on two devices, "${device.name}" and "${input.device.name}"`)
    if (input.dtype !== 'f32' && op.weight !== i)
      throw new ShapeError(
        op.name,
        `input ${i} is ${input.dtype}, which only linear and embedding read, as their weight`,
      )
  }
  const shape = op.shape(
    inputs.map(input => input.shape),
    attributes,
  )
  const storage = device.run(op as Op, inputs, attributes, shape)
  if (!op.inPlace) return Tensor.of(device, storage, shape)
  inputs[0].replace(storage)
  return inputs[0]
}
