import type { DType } from '@cria/dtypes'
import type { Device, Storage } from './device'
import { DisposedError } from './errors'
import { reshapeOp } from './ops/reshape'
import { format, type Shape, sizeOf } from './shape'
import type { Spec } from './spec'

/** Device memory, shared by a tensor and its reshaped views, freed with the last of them. */
interface Allocation {
  storage: Storage
  references: number
}

/**
 * An n-dimensional array on a device. Ops make new tensors and never wait; only {@link Tensor.read} does.
 * It holds device memory until `dispose()`, or until the {@link Scope} in which it was made ends.
 */
export class Tensor implements Spec, Disposable {
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
  static of(device: Device, storage: Storage, { shape, dtype }: Spec): Tensor {
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
    return this.device.apply(reshapeOp, [this], { shape })[0]
  }

  /** A second tensor on the same memory, which is freed when both are disposed of. */
  share(shape: Shape = this.shape): Tensor {
    const allocation = this.#live()
    allocation.references++
    return new Tensor(this.device, shape, this.dtype, allocation)
  }

  /**
   * Waits for the device and gives the elements as numbers, row-major: those of f16 and of blocks as well.
   * @throws DeviceFailedError @throws DisposedError @throws DeviceClosedError
   */
  async read(): Promise<Float32Array> {
    return this.device.read(this)
  }

  /** As {@link read}, for tensors of i32. @throws ShapeError for another type */
  async readIntegers(): Promise<Int32Array> {
    return this.device.readIntegers(this)
  }

  /** Frees the memory, unless another live tensor shares it. A second call does nothing. */
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

  /** Replaces the storage of this tensor: on devices that cannot write in place, ops use this instead. */
  replace(storage: Storage): void {
    const allocation = this.#live()
    if (allocation.storage === storage) return
    this.device.free(allocation.storage)
    allocation.storage = storage
  }

  /** Moves this tensor to a different scope; without a scope, only `dispose()` frees it. */
  moveTo(scope: Scope | undefined): void {
    if (this.#scope === scope) return
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
 * Tensors that are made while a scope is the innermost one of their device are freed with it, except those that it keeps:
 * `using scope = device.scope()` … `return scope.keep(result)`. Scopes end in the reverse order of their beginnings, so none
 * should be open across an `await`, where other work of the same device can run.
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
   * Lets a tensor outlive this scope: it moves to the outer scope, or the caller must free it. A tensor that was not made in this
   * scope is not moved.
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
