import type { CacheType, CausalModel, ForwardOptions, KvCache, Sequence } from '@cria/attention-variants'
import type { TokenIds } from '@cria/layers'
import { type Device, type Observer, type ProfileRow, Profiler, type Tensor } from '@cria/tensor'
import { headOf, type Inspection, type InspectOptions, inspect, type Values } from './inspect'
import { ModelSequences, type Reload } from './sequences'
import { TextModel, type TextModelParts } from './text-model'

export interface ModelParts<Config> extends TextModelParts<Config> {
  readonly network: CausalModel
  /** How caches store keys and values; by default as the device does. */
  readonly cacheType: CacheType | undefined
  /** Whether the device ends with the model. */
  readonly ownsDevice: boolean
  /** Loads the network again after its device was lost; undefined if the caller opened the device. */
  readonly reload?: Reload | undefined
}

/** A loaded model with its tokenizer, on a device. `loadModel` makes it. */
export class Model<Config = unknown> extends TextModel<Config> {
  readonly #sequences: ModelSequences
  readonly #cacheType: CacheType | undefined
  readonly #ownsDevice: boolean

  constructor({ network, cacheType, ownsDevice, reload, ...parts }: ModelParts<Config>) {
    const sequences = new ModelSequences(network, cacheType, reload)
    super(parts, sequences)
    this.#sequences = sequences
    this.#cacheType = cacheType
    this.#ownsDevice = ownsDevice
  }

  /** The layers: for training, for changing them, or for logits of your own. After a lost device was opened again, this is a new object. */
  get network(): CausalModel {
    return this.#sequences.model
  }

  get device(): Device {
    return this.network.device
  }

  /** An empty cache, for {@link forward}. */
  createCache(): KvCache {
    return this.network.createCache({ dtype: this.#cacheType })
  }

  /** Logits of the last token, f32 [1, vocab]; with `logits: 'all'` of each. See `CausalModel.forward`. */
  forward(ids: TokenIds, sequence?: Sequence, options?: ForwardOptions): Tensor {
    return this.network.forward(ids, sequence, options)
  }

  /**
   * Runs a text once, and collects hidden states, attention weights, logits and times.
   * @param ids T token ids
   * @throws PromptError for no ids, or more than the context @throws TokenIdsError @throws the reason of the signal
   */
  inspect(ids: TokenIds, options?: InspectOptions): Promise<Inspection> {
    return inspect(this, ids, options)
  }

  /**
   * Logits of hidden states, as the head of the model gives them.
   * @param states f32 [M, dim]
   * @returns f32 [M, vocab]
   * @throws ShapeError
   */
  head(states: Values): Promise<Values> {
    return headOf(this, states)
  }

  /** Measures by op what runs until the result is disposed of: time, calls, floating-point operations and bytes. */
  profile(): Disposable & { readonly rows: readonly ProfileRow[] } {
    const profiler = new Profiler()
    const observing = this.observe(profiler)
    return {
      get rows() {
        return profiler.rows
      },
      [Symbol.dispose]: () => observing[Symbol.dispose](),
    }
  }

  /** Calls `observer` for each call of an op until the result is disposed of. */
  observe(observer: Observer): Disposable {
    return this.device.observe(observer)
  }

  protected override async release(): Promise<void> {
    this.#sequences.close()
    this.network.dispose()
    if (this.#ownsDevice) await this.device.close()
  }
}
