import type { CausalModel } from '@cria/attention-variants'
import { initialise, Linear, Module, Parameter } from '@cria/layers'
import { add, linear, matmul, scale, type Tensor } from '@cria/tensor'
import type { LoraOptions } from './config'
import { TrainingConfigError } from './errors'

/** The update of one matrix: b·a. */
class Adapter extends Module {
  /** [rank, in] */
  readonly a: Parameter
  /** [out, rank]: zeros at first, so that training starts from the model as it is. */
  readonly b: Parameter

  constructor(rank: number, [out, columns]: readonly number[]) {
    super()
    this.a = new Parameter([rank, columns])
    this.b = new Parameter([out, rank], 'zeros')
  }
}

/** Replaces a linear layer in a model by the layer plus an update: `x · weightᵀ + factor · (x · aᵀ) · bᵀ`. */
class AdaptedLinear extends Linear {
  readonly adapter: Adapter

  constructor(
    base: Linear,
    rank: number,
    private readonly factor: number,
  ) {
    const [out, columns] = base.weight.shape
    super(columns, out, { bias: base.bias !== undefined })
    this.adapter = new Adapter(rank, base.weight.shape)
    this.weight.load(base.weight.tensor)
    if (base.bias) this.bias?.load(base.bias.tensor)
  }

  override forward(x: Tensor, residual?: Tensor): Tensor {
    using scope = x.device.scope()
    const update = linear(linear(x, this.adapter.a.tensor), this.adapter.b.tensor)
    return scope.keep(add(super.forward(x, residual), scale(update, this.factor)))
  }

  /** The weight plus the update, f32 [out, in]. */
  merged(): Tensor {
    using scope = this.weight.tensor.device.scope()
    const update = matmul(this.adapter.b.tensor, this.adapter.a.tensor)
    return scope.keep(add(this.weight.tensor, scale(update, this.factor)))
  }
}

/** A linear layer, and the field of the module that holds it. */
interface Place {
  readonly owner: Module
  readonly field: string
  readonly linear: Linear
  readonly path: string
}

/** Every linear layer of a module, in the order of its fields. */
function* linearLayers(owner: Module, prefix = ''): Generator<Place> {
  for (const [field, value] of Object.entries(owner)) {
    const path = `${prefix}${field}`
    if (value instanceof Linear) yield { owner, field, linear: value, path }
    else if (value instanceof Module) yield* linearLayers(value, `${path}.`)
    else if (Array.isArray(value))
      for (const [i, item] of value.entries()) if (item instanceof Module) yield* linearLayers(item, `${path}.${i}.`)
  }
}

/**
 * Low-rank adaptation (Hu et al. 2021): the weights of a model do not change. Each chosen matrix W gets an update of low rank
 * that is trained, W + alpha / rank · b·a. The adapted layers are part of the model until {@link Lora.merge} or {@link Lora.remove}.
 */
export class Lora {
  readonly #adapted: readonly (Place & { readonly layer: AdaptedLinear })[]

  /**
   * @param model f32 weights
   * @throws TrainingConfigError for a rank that is not a positive integer, or names that no linear layer of the model has
   */
  constructor(model: CausalModel, { rank, alpha = rank, matrices = ['wq', 'wv'], seed = 0 }: LoraOptions) {
    if (!(Number.isSafeInteger(rank) && rank >= 1))
      throw new TrainingConfigError('lora.rank', `is ${rank}, expected a whole number of at least 1`)
    const places = [...linearLayers(model)].filter(({ field }) => matrices.includes(field))
    const missing = matrices.find(name => !places.some(({ field }) => field === name))
    if (missing !== undefined || places.length === 0)
      throw new TrainingConfigError(
        'lora.matrices',
        `names ${missing ?? 'nothing'}: name linear layers of the model, such as wq or w1`,
      )
    this.#adapted = places.map((place, i) => {
      const layer = new AdaptedLinear(place.linear, rank, alpha / rank)
      const deviation = layer.weight.shape[1] ** -0.5
      initialise(layer.adapter, model.device, { seed: seed * places.length + i, deviation })
      Object.assign(place.owner, { [place.field]: layer })
      return { ...place, layer }
    })
  }

  /** What is trained: a and b of each adapted matrix, `layers.0.attention.wq.adapter.a`. */
  *parameters(): Generator<[path: string, parameter: Parameter]> {
    for (const { path, layer } of this.#adapted) yield* layer.adapter.parameters(`${path}.adapter.`)
  }

  /** The adapted matrices plus their updates, by path. The caller frees them. */
  merged(): Map<string, Tensor> {
    return new Map(this.#adapted.map(({ path, layer }) => [`${path}.weight`, layer.merged()]))
  }

  /** Adds the updates to the weights and restores the plain layers. */
  merge(): void {
    for (const { linear, layer } of this.#adapted) linear.weight.load(layer.merged())
    this.#restore()
  }

  /** Restores the plain layers without the updates. */
  remove(): void {
    this.#restore()
  }

  #restore(): void {
    for (const { owner, field, linear, layer } of this.#adapted) {
      layer.adapter.dispose()
      Object.assign(owner, { [field]: linear })
    }
  }
}
