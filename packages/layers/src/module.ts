import { type Device, type Shape, sizeOf, type Tensor } from '@cria/tensor'
import { ParameterError } from './errors'

/** How a parameter starts when a model is trained from scratch: drawn from a normal distribution, or all ones or zeros. */
export type Initialisation = 'normal' | 'ones' | 'zeros'

/** A weight of a model. Its shape is known from the start; {@link Parameter.load} sets its values. */
export class Parameter {
  #tensor: Tensor | undefined

  constructor(
    readonly shape: Shape,
    readonly initialisation: Initialisation = 'normal',
  ) {}

  get size(): number {
    return sizeOf(this.shape)
  }

  /** @throws ParameterError before `load`, and after `dispose` */
  get tensor(): Tensor {
    if (!this.#tensor)
      throw new ParameterError(`a parameter [${this.shape}] has no values: it was not loaded yet, or is disposed of`)
    return this.#tensor
  }

  /**
   * Takes ownership of the tensor, also from the scope that it was made in, and disposes of the previous one.
   * @throws ParameterError when the shapes differ
   */
  load(tensor: Tensor): void {
    if (tensor.shape.join() !== this.shape.join())
      throw new ParameterError(`a parameter [${this.shape}] was given a tensor [${tensor.shape}]`)
    tensor.moveTo(undefined)
    if (tensor !== this.#tensor) this.#tensor?.dispose()
    this.#tensor = tensor
  }

  dispose(): void {
    this.#tensor?.dispose()
    this.#tensor = undefined
  }
}

/**
 * A layer, or a model of layers. Its parameters are found in its fields. The path of a parameter is the list of field names:
 * `layers.0.attention.wq.weight`. With fields named as in Meta's checkpoints, loading one is a table.
 */
export abstract class Module implements Disposable {
  /** Every parameter with its path, in the order of the fields. */
  *parameters(prefix = ''): Generator<[path: string, parameter: Parameter]> {
    for (const [name, field] of Object.entries(this)) yield* parametersOf(`${prefix}${name}`, field)
  }

  /** How many numbers the parameters hold. */
  get parameterCount(): number {
    let count = 0
    for (const [, parameter] of this.parameters()) count += parameter.size
    return count
  }

  /** Frees the memory of all parameters, and everything else that its parts hold. */
  dispose(): void {
    for (const field of Object.values(this)) disposeOf(field)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const disposeOf = (field: unknown): void => {
  if (field instanceof Parameter || field instanceof Module) field.dispose()
  else if (Array.isArray(field)) for (const item of field) disposeOf(item)
}

function* parametersOf(path: string, field: unknown): Generator<[string, Parameter]> {
  if (field instanceof Parameter) yield [path, field]
  else if (field instanceof Module) yield* field.parameters(`${path}.`)
  else if (Array.isArray(field)) for (const [i, item] of field.entries()) yield* parametersOf(`${path}.${i}`, item)
}

export interface InitialiseOptions {
  readonly seed?: number | undefined
  /** Standard deviation of the parameters that are drawn; 0.02. */
  readonly deviation?: number | undefined
  /** What the deviation of a parameter is multiplied with, by its path; 1. */
  readonly scale?: ((path: string) => number) | undefined
}

/**
 * Gives every parameter of a module its first values, drawn from the seed. The same seed gives the same values on every
 * device; on the `shape` device nothing is drawn and nothing allocated.
 */
export const initialise = (
  module: Module,
  device: Device,
  { seed = 0, deviation = 0.02, scale = () => 1 }: InitialiseOptions = {},
): void => {
  const normal = normals(seed)
  for (const [path, parameter] of module.parameters()) {
    if (device.name === 'shape' || parameter.initialisation === 'zeros') parameter.load(device.zeros(parameter.shape))
    else {
      const factor = deviation * scale(path)
      const value = parameter.initialisation === 'ones' ? () => 1 : () => factor * normal()
      parameter.load(device.tensor(Float32Array.from({ length: parameter.size }, value), parameter.shape))
    }
  }
}

/** Standard normal values (Box and Muller 1958) over a 32-bit generator (mulberry32). */
const normals = (seed: number) => {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}
