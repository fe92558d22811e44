import type { TokenIds } from '@cria/layers'
import { Tokenizer } from '@cria/tokenizer'
import type { Inspection, InspectOptions, Values } from '../inspect'
import { TextModel } from '../text-model'
import type { Caller } from './calls'
import type { DeviceFacts, LoadedModel } from './protocol'
import { RemoteSequences } from './remote-sequences'
import type { ModelOffer } from './serve-models'

/**
 * A model that computes in a worker, so that the thread that uses it is never blocked. `loadModel(…, { worker })` makes it. It
 * samples on the calling thread, so texts, options and errors are those of a `Model`. Every call can also fail with a WorkerError.
 */
export class WorkerModel<Config = unknown> extends TextModel<Config> {
  /** The number of parameters. */
  readonly parameterCount: number
  /** What it runs on. */
  readonly device: DeviceFacts
  readonly #caller: Caller<ModelOffer>
  readonly #number: number
  readonly #endWorker: () => Promise<void>

  constructor(loaded: LoadedModel, caller: Caller<ModelOffer>, number: number, endWorker: () => Promise<void>) {
    const { config, format, defaults, chatTemplates, vocabulary, maxSeqLen } = loaded
    const tokenizer = new Tokenizer(vocabulary)
    const parts = { tokenizer, config: config as Config, format, defaults, chatTemplates }
    super(parts, new RemoteSequences(caller, number, maxSeqLen))
    this.parameterCount = loaded.parameterCount
    this.device = loaded.device
    this.#caller = caller
    this.#number = number
    this.#endWorker = endWorker
  }

  /**
   * Runs a text once, and collects hidden states, attention weights, logits and times.
   * @param ids T token ids
   * @throws PromptError for no ids, or more than the context @throws WorkerError @throws the reason of the signal
   */
  inspect(ids: TokenIds, { signal, ...options }: InspectOptions = {}): Promise<Inspection> {
    return this.#caller.call('inspect', { model: this.#number, ids, ...options }, { signal })
  }

  /**
   * Logits of hidden states, as the head of the model gives them.
   * @param states f32 [M, dim]
   * @returns f32 [M, vocab]
   * @throws ShapeError @throws WorkerError
   */
  head(states: Values): Promise<Values> {
    return this.#caller.call('head', { model: this.#number, states })
  }

  protected override async release(): Promise<void> {
    if (!this.#caller.ended) await this.#caller.call('unload', this.#number)
    await this.#endWorker()
  }
}
