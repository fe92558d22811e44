import type { CacheType, CausalModel, ForwardOptions, KvCache, Sequence } from '@cria/attention-variants'
import type { TokenIds } from '@cria/layers'
import {
  type BatchOptions,
  createSession,
  type GenerateTextOptions,
  generateText,
  generateTextBatch,
  type Session,
  type TextBatch,
  type TextGeneration,
} from '@cria/sampling'
import { type Device, type Observer, type ProfileRow, Profiler, type Tensor } from '@cria/tensor'
import type { Tokenizer } from '@cria/tokenizer'
import { ModelSequences } from './sequences'

export interface GenerateOptions extends GenerateTextOptions {
  /**
   * A session of this model, which keeps its tokens: of the next prompt only what is new runs. Default: a sequence of its own,
   * which ends with the generation.
   */
  readonly session?: Session | undefined
}

export interface ModelParts<Config> {
  readonly network: CausalModel
  readonly tokenizer: Tokenizer
  readonly config: Config
  /** The file format that it was read from. */
  readonly format: string
  /** Options that its files state; those of a call override them. */
  readonly defaults: GenerateTextOptions
  /** How caches store keys and values; by default as the device does. */
  readonly cacheType: CacheType | undefined
  /** Whether the device ends with the model. */
  readonly ownsDevice: boolean
}

/** A loaded model with its tokenizer, on a device. `loadModel` makes it. */
export class Model<Config = unknown> implements AsyncDisposable {
  /** The layers: for training, surgery, or logits of your own. */
  readonly network: CausalModel
  readonly tokenizer: Tokenizer
  readonly config: Config
  readonly format: string
  /** What its files state about sampling and where a text ends: what `generate` does unless it is told otherwise. */
  readonly defaults: GenerateTextOptions
  readonly #sequences: ModelSequences
  readonly #cacheType: CacheType | undefined
  readonly #ownsDevice: boolean
  #disposing: Promise<void> | undefined

  constructor({ network, tokenizer, config, format, defaults, cacheType, ownsDevice }: ModelParts<Config>) {
    this.network = network
    this.tokenizer = tokenizer
    this.config = config
    this.format = format
    this.defaults = defaults
    this.#sequences = new ModelSequences(network, cacheType)
    this.#cacheType = cacheType
    this.#ownsDevice = ownsDevice
  }

  get device(): Device {
    return this.network.device
  }

  /** The longest sequence, in tokens. */
  get maxSeqLen(): number {
    return this.network.maxSeqLen
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
   * Generates the text that follows a prompt, piece by piece. It ends at a token that ends texts, at a stop string, at `maxTokens`,
   * or when the context is full.
   * @param prompt a text, or token ids
   * @throws OptionError @throws PromptError @throws SessionError
   */
  generate(prompt: string | ArrayLike<number>, { session, ...options }: GenerateOptions = {}): TextGeneration {
    return generateText(session ?? this.#sequences, this.tokenizer, prompt, this.#withDefaults(options))
  }

  /**
   * Generates `n` texts for each of several prompts side by side: they share passes, and each prompt is computed once.
   * @throws OptionError @throws PromptError
   */
  generateBatch(
    prompts: readonly (string | ArrayLike<number>)[],
    options: GenerateTextOptions & BatchOptions = {},
  ): TextBatch {
    return generateTextBatch(this.#sequences, this.tokenizer, prompts, this.#withDefaults(options))
  }

  /** A session for {@link generate}. @param options.capacity tokens that it can hold; by default the whole context */
  createSession(options?: { readonly capacity?: number }): Session {
    return createSession(this.#sequences, options)
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

  /** Tells `observer` of each call of an op until the result is disposed of. */
  observe(observer: Observer): Disposable {
    return this.device.observe(observer)
  }

  /** Frees the weights, and the device if `loadModel` opened it. A second call does nothing. */
  async dispose(): Promise<void> {
    this.#disposing ??= this.#dispose()
    await this.#disposing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #dispose(): Promise<void> {
    this.network.dispose()
    if (this.#ownsDevice) await this.device.close()
  }

  /** A sampler of the caller's own takes the place of all sampling options. */
  #withDefaults<Options extends GenerateTextOptions>(options: Options): Options {
    const { stopIds, ...sampling } = this.defaults
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
    return { stopIds, ...(options.sampler ? {} : sampling), ...given }
  }
}
