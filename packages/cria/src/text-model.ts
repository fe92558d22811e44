import type { ChatMessage } from '@cria/chat-template'
import {
  type BatchOptions,
  createSession,
  type GenerateTextOptions,
  generateText,
  generateTextBatch,
  type SequenceModel,
  type Session,
  type TextBatch,
  type TextCodec,
  type TextGeneration,
  type TokenSequence,
} from '@cria/sampling'
import type { Tokenizer } from '@cria/tokenizer'
import { type ChatOptions, ChatSession, type ChatSessionOptions, chatIds } from './chat'

export interface GenerateOptions extends GenerateTextOptions {
  /**
   * A session of this model. It keeps its tokens, so only the new part of the next prompt runs. Default: a new sequence,
   * which is freed when the generation ends.
   */
  readonly session?: Session | undefined
}

export interface TextModelParts<Config> {
  readonly tokenizer: Tokenizer
  readonly config: Config
  /** The file format that it was read from. */
  readonly format: string
  /** Options that its files state; those of a call override them. */
  readonly defaults: GenerateTextOptions
  /** Jinja templates of its files by name; `default` is the usual one. */
  readonly chatTemplates: ReadonlyMap<string, string>
}

/** A model with its tokenizer, in this thread or in a worker. */
export abstract class TextModel<Config = unknown> implements SequenceModel, AsyncDisposable {
  readonly tokenizer: Tokenizer
  readonly config: Config
  readonly format: string
  /** What its files state about sampling and end tokens. `generate` uses this unless its options say otherwise. */
  readonly defaults: GenerateTextOptions
  /** Jinja templates of its files by name; `default` is the usual one. */
  readonly chatTemplates: ReadonlyMap<string, string>

  readonly #codec: TextCodec
  #disposing: Promise<void> | undefined

  constructor(
    { tokenizer, config, format, defaults, chatTemplates }: TextModelParts<Config>,
    private readonly sequences: SequenceModel,
  ) {
    this.tokenizer = tokenizer
    this.config = config
    this.format = format
    this.defaults = defaults
    this.chatTemplates = chatTemplates
    // A text begins with BOS where the files say so.
    this.#codec = {
      encode: text => tokenizer.encode(text, { bos: tokenizer.addsBos }),
      decoder: () => tokenizer.decoder(),
      vocabSize: tokenizer.vocabSize,
      gaps: tokenizer.gaps,
    }
  }

  /** The longest sequence, in tokens. */
  get maxSeqLen(): number {
    return this.sequences.maxSeqLen
  }

  /**
   * Generates the text that follows a prompt, piece by piece. It ends at an end token, at a stop string, at `maxTokens`,
   * or when the context is full.
   * @param prompt a text, or token ids
   * @throws OptionError @throws PromptError @throws SessionError
   */
  generate(prompt: string | ArrayLike<number>, { session, ...options }: GenerateOptions = {}): TextGeneration {
    return generateText(session ?? this.sequences, this.#codec, prompt, this.#withDefaults(options))
  }

  /**
   * Generates the assistant's answer to a chat. The text of a message is never read as a tag of the template.
   * @param messages the last one is the user's
   * @throws ChatError for a model without a template, when none is named @throws ChatTemplateError
   * @throws OptionError @throws PromptError @throws SessionError
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): TextGeneration {
    const { template, tools, variables, now, ...generation } = options
    const ids = chatIds(this.tokenizer, this.chatTemplates, messages, { template, tools, variables, now })
    return this.generate(ids, generation)
  }

  /** A chat that keeps its tokens. @throws ChatError for a model without a template, when none is named */
  startChat(options: ChatSessionOptions = {}): ChatSession {
    return new ChatSession(this, options)
  }

  /**
   * Generates `n` texts for each of several prompts in parallel: they share passes, and each prompt is computed once.
   * @throws OptionError @throws PromptError
   */
  generateBatch(
    prompts: readonly (string | ArrayLike<number>)[],
    options: GenerateTextOptions & BatchOptions = {},
  ): TextBatch {
    return generateTextBatch(this.sequences, this.#codec, prompts, this.#withDefaults(options))
  }

  /** A sequence of tokens for a loop of your own, or as the draft of another model. */
  createSequence(options: { readonly capacity: number }): TokenSequence {
    return this.sequences.createSequence(options)
  }

  /** A session for {@link generate}. @param options.capacity tokens that it can hold; by default the whole context */
  createSession(options?: { readonly capacity?: number }): Session {
    return createSession(this.sequences, options)
  }

  /** Frees the model, and what `loadModel` opened for it: its device, its worker. A second call does nothing. */
  async dispose(): Promise<void> {
    this.#disposing ??= this.release()
    await this.#disposing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  protected abstract release(): Promise<void>

  /** A sampler given by the caller replaces all sampling options. */
  #withDefaults<Options extends GenerateTextOptions>(options: Options): Options {
    const { stopIds, ...sampling } = this.defaults
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
    return { stopIds, ...(options.sampler ? {} : sampling), ...given }
  }
}
