import type { KvCache } from '@cria/attention-variants'
import type { Checkpoint } from '@cria/checkpoint'
import type { TokenIds } from '@cria/layers'
import type { Llama, ResolvedConfig } from '@cria/llama'
import { type GenerateTextOptions, type Generation, generateText } from '@cria/sampling'
import type { Device, Tensor } from '@cria/tensor'
import type { Tokenizer } from '@cria/tokenizer'

/** Tokens of a prompt that run in one pass: enough to use any device well, and few enough for the scores of their attention. */
const PREFILL_CHUNK = 512

/** A loaded model with its tokenizer, on a device. It is made by `loadModel`. */
export class Model implements AsyncDisposable {
  /** The file format that it was read from. */
  readonly format: Checkpoint['format']

  constructor(
    /** The layers: for training, surgery, or logits of one's own. */
    readonly network: Llama,
    readonly tokenizer: Tokenizer,
    { format }: Pick<Checkpoint, 'format'>,
    private readonly ownsDevice: boolean,
  ) {
    this.format = format
  }

  get config(): ResolvedConfig {
    return this.network.config
  }

  get device(): Device {
    return this.network.device
  }

  get maxSeqLen(): number {
    return this.network.maxSeqLen
  }

  /** An empty cache, of the whole context unless a smaller capacity will do. */
  createCache(options?: { batch?: number; capacity?: number }): KvCache {
    return this.network.createCache(options)
  }

  /** Logits of the last position, [batch, vocab]; with `positions: 'all'` of each. See `Llama.forward`. */
  forward(ids: TokenIds, cache?: KvCache, positions?: 'last' | 'all'): Tensor {
    return this.network.forward(ids, cache, positions)
  }

  /**
   * Generates the text that follows a prompt, piece by piece. It ends at EOS or BOS (a new document) unless `stopIds` says
   * otherwise, at a stop string, at `maxTokens`, or when the context is full. A prompt runs in passes of 512 tokens unless
   * `prefillChunk` says otherwise.
   * @throws OptionError @throws PromptError
   */
  generate(prompt: string, options: GenerateTextOptions = {}): Generation<string> {
    const { eosId, bosId } = this.tokenizer
    const { stopIds = [eosId, bosId], prefillChunk = PREFILL_CHUNK } = options
    return generateText(this, this.tokenizer, prompt, { ...options, stopIds, prefillChunk })
  }

  /** Frees the weights, and the device if `loadModel` opened it. */
  async dispose(): Promise<void> {
    this.network.dispose()
    if (this.ownsDevice) await this.device.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
