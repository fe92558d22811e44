import type { Device } from './device'
import { GradientError, ShapeError } from './errors'
import type { Observed, Observer } from './observers'
import type { Op } from './op'
import { add } from './ops/add'
import { format, sameShape } from './shape'
import type { Spec } from './spec'
import type { Tensor } from './tensor'

type Give = (input: Tensor, gradient: Tensor) => void

/** One recorded step, which passes the gradients of its outputs to its inputs. */
interface Step {
  readonly op: string
  readonly outputs: readonly Tensor[]
  readonly specs: readonly Spec[]
  backward(gradients: readonly Tensor[], give: Give): void
  release(): void
}

/** The tapes that observe a device, the innermost last. */
const active = new WeakMap<Device, Tape[]>()

/**
 * Records the calls that lead from some tensors to a loss, and computes the gradients of the loss by them.
 *
 * It observes its device from the moment it is made until `gradients` or `dispose`. It keeps the values that gradients need
 * alive, past the scopes in which they were made.
 */
export class Tape implements Observer, Disposable {
  /** Composite ops run as their parts, whose gradients are known. */
  readonly parts = true
  readonly #steps: Step[] = []
  readonly #tracked: Set<Tensor>
  readonly #used = new Set<Tensor>()
  readonly #observation: Disposable
  #paused = 0

  /** @param roots the tensors by which gradients will be asked for: parameters, or inputs */
  constructor(
    readonly device: Device,
    private readonly roots: readonly Tensor[],
  ) {
    this.#tracked = new Set(roots)
    this.#observation = device.observe(this)
    const tapes = active.get(device) ?? []
    active.set(device, tapes)
    tapes.push(this)
  }

  call({ op, inputs, attributes, outputs }: Observed): void {
    if (this.#paused > 0) return
    const tracked = inputs.map(input => this.#tracked.has(input))
    if (!tracked.includes(true)) return
    if (op.inPlace)
      throw new GradientError(`${op.name} changes a tensor in place, so gradients through it cannot be computed`)
    for (const input of inputs) this.#used.add(input)
    for (const output of outputs) this.#tracked.add(output)
    this.#steps.push(stepOf(op, inputs, attributes, outputs, tracked))
  }

  /**
   * Ends the recording and gives the gradient of `loss` by each of `of`, which are roots, in their order; zeros for one that the
   * loss does not depend on. They belong to the innermost scope.
   * @param loss a tensor of one element
   * @throws ShapeError for a loss of more elements
   * @throws GradientError for a tensor that is not a root, or an op on the way that has no gradient
   */
  gradients(loss: Tensor, of: readonly Tensor[]): Tensor[] {
    if (loss.size !== 1) throw new ShapeError('gradients', `the loss must be one number, found ${format(loss.shape)}`)
    using one = this.device.tensor([1], [1])
    using seed = one.reshape(...loss.shape)
    return this.gradientsFrom([[loss, seed]], of)
  }

  /** As {@link gradients}, from given gradients of some outputs. */
  gradientsFrom(outputs: readonly (readonly [output: Tensor, gradient: Tensor])[], of: readonly Tensor[]): Tensor[] {
    this.stop()
    for (const tensor of of)
      if (!this.roots.includes(tensor))
        throw new GradientError(`a tensor of shape ${format(tensor.shape)} is not among the tape's roots`)
    const gradients = new Gradients()
    try {
      for (const [output, gradient] of outputs) gradients.give(output, gradient)
      for (let step = this.#steps.pop(); step; step = this.#steps.pop()) this.#back(step, gradients)
      return of.map(tensor => gradients.take(tensor) ?? this.device.zeros(tensor.shape))
    } finally {
      gradients.dispose()
      this.dispose()
    }
  }

  /**
   * Runs `work` without recording its steps: its result is one step, which runs `work` again when its gradient is computed. That
   * saves memory and costs time.
   */
  recompute(x: Tensor, work: (x: Tensor) => Tensor): Tensor {
    this.#paused++
    let output: Tensor
    try {
      output = work(x)
    } finally {
      this.#paused--
    }
    const kept = hold(x)
    this.#tracked.add(output)
    this.#steps.push({
      op: 'recompute',
      outputs: [output],
      specs: [{ shape: output.shape, dtype: output.dtype }],
      backward: ([gradient], give) => {
        const tape = new Tape(this.device, [kept, ...this.roots])
        const again = work(kept)
        const used = [kept, ...this.roots.filter(root => tape.#used.has(root))]
        const found = tape.gradientsFrom([[again, gradient]], used)
        for (const [i, tensor] of used.entries()) give(i === 0 ? x : tensor, found[i])
      },
      release: () => kept.dispose(),
    })
    return output
  }

  /** Stops observing. */
  stop(): void {
    this.#observation[Symbol.dispose]()
    const tapes = active.get(this.device)
    const index = tapes?.indexOf(this) ?? -1
    if (index >= 0) tapes?.splice(index, 1)
  }

  /** Stops observing, and frees what it kept. A second call does nothing. */
  dispose(): void {
    this.stop()
    for (const step of this.#steps.splice(0)) step.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #back(step: Step, gradients: Gradients): void {
    const found = step.outputs.map(output => gradients.take(output))
    try {
      if (found.every(gradient => gradient === undefined)) return
      using _scope = this.device.scope()
      const all = found.map((gradient, i) => gradient ?? this.device.zeros(step.specs[i].shape))
      step.backward(all, (input, gradient) => {
        if (this.#tracked.has(input)) gradients.give(input, gradient)
      })
    } finally {
      for (const gradient of found) gradient?.dispose()
      step.release()
    }
  }
}

/**
 * Runs `work(x)`. Under a tape it stores none of the values that its gradient needs, and runs `work` again instead. This saves memory and
 * costs time (Chen et al. 2016, "Training deep nets with sublinear memory cost").
 */
export const recompute = (x: Tensor, work: (x: Tensor) => Tensor): Tensor => {
  const tape = active.get(x.device)?.at(-1)
  return tape ? tape.recompute(x, work) : work(x)
}

/** The same values, until the tape does not need them any more. */
const hold = (tensor: Tensor): Tensor => {
  const kept = tensor.share()
  kept.moveTo(undefined)
  return kept
}

const stepOf = (
  op: Op,
  inputs: readonly Tensor[],
  attributes: unknown,
  outputs: readonly Tensor[],
  tracked: readonly boolean[],
): Step => {
  const { gradient } = op
  const keep = (tensors: readonly Tensor[], wanted: readonly number[] = []) =>
    tensors.map((tensor, i) => (gradient && wanted.includes(i) ? hold(tensor) : tensor))
  const call = {
    attributes,
    inputs: keep(inputs, gradient?.inputs),
    outputs: keep(outputs, gradient?.outputs),
    specs: inputs.map(({ shape, dtype }) => ({ shape, dtype })),
    wants: (input: number) => tracked[input],
  }
  return {
    op: op.name,
    outputs,
    specs: outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    backward: (gradients, give) => {
      if (!gradient) throw new GradientError(`${op.name} has no gradient: the loss must not depend on it`)
      const found = gradient.of(call, gradients)
      for (const [i, input] of inputs.entries()) if (tracked[i]) give(input, checked(op, i, found[i], call.specs[i]))
    },
    release: () => {
      for (const [i, tensor] of call.inputs.entries()) if (tensor !== inputs[i]) tensor.dispose()
      for (const [i, tensor] of call.outputs.entries()) if (tensor !== outputs[i]) tensor.dispose()
    },
  }
}

const checked = (op: Op, input: number, gradient: Tensor | undefined, { shape }: Spec): Tensor => {
  if (!gradient)
    throw new GradientError(`${op.name} has no gradient by its input ${input}: the loss must not depend on it`)
  if (!sameShape(gradient.shape, shape))
    throw new GradientError(`${op.name} gave a gradient ${format(gradient.shape)} for an input ${format(shape)}`)
  return gradient
}

/** Gradients by tensor, each held until it is taken. */
class Gradients {
  readonly #held = new Map<Tensor, Tensor>()

  give(tensor: Tensor, gradient: Tensor): void {
    const before = this.#held.get(tensor)
    const sum = before ? add(before, gradient) : gradient
    this.#held.set(tensor, hold(sum))
    before?.dispose()
  }

  /** Gives a gradient to the innermost scope. */
  take(tensor: Tensor): Tensor | undefined {
    const gradient = this.#held.get(tensor)
    this.#held.delete(tensor)
    gradient?.moveTo(gradient.device.innermost.scope)
    return gradient
  }

  dispose(): void {
    for (const gradient of this.#held.values()) gradient.dispose()
    this.#held.clear()
  }
}
