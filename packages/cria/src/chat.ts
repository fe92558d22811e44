import {
  type BuiltInFormat,
  builtInFormats,
  type ChatMessage,
  type ChatTemplate,
  Conversation,
  chatTemplate,
  encodeChat,
  type RenderOptions,
} from '@cria/chat-template'
import { type Session, TextGeneration } from '@cria/sampling'
import type { Tokenizer } from '@cria/tokenizer'
import { ChatError } from './errors'
import type { GenerateOptions, TextModel } from './text-model'

export interface TemplateOptions extends Omit<RenderOptions, 'addGenerationPrompt'> {
  /** `llama2`, `chatml`, `llama3`, the name of a template that the model has, or Jinja. Default: the model's own template. */
  readonly template?: BuiltInFormat | (string & {}) | undefined
}

export interface ChatOptions extends GenerateOptions, TemplateOptions {}

/** Name of the template that a model uses unless another one is asked for. */
const DEFAULT_TEMPLATE = 'default'

/**
 * The template of a chat.
 * @throws ChatError for a model without a template, when none is named @throws ChatTemplateError
 */
const templateOf = (
  tokenizer: Tokenizer,
  templates: ReadonlyMap<string, string>,
  wanted: string | undefined,
): ChatTemplate => {
  const source = templates.get(wanted ?? DEFAULT_TEMPLATE) ?? wanted
  if (source === undefined)
    throw new ChatError(
      `the model has no chat template: name one with the option template (${builtInFormats.join(', ')}, or Jinja)`,
    )
  const textOf = (id: number | undefined) => (id === undefined ? undefined : tokenizer.idToPiece(id))
  return chatTemplate(source, { bosToken: textOf(tokenizer.bosId), eosToken: textOf(tokenizer.eosId) })
}

/** Ids of a chat, up to where the assistant answers. @throws ChatError @throws ChatTemplateError */
export const chatIds = (
  tokenizer: Tokenizer,
  templates: ReadonlyMap<string, string>,
  messages: readonly ChatMessage[],
  { template, ...render }: TemplateOptions,
): number[] => encodeChat(tokenizer, templateOf(tokenizer, templates, template).render(messages, render))

export interface ChatSessionOptions extends TemplateOptions {
  /** What the system message says. Default: none. */
  readonly system?: string | undefined
  /** Earlier messages. */
  readonly messages?: readonly ChatMessage[] | undefined
  /** Tokens that the chat can hold; by default the whole context. */
  readonly capacity?: number | undefined
}

/**
 * A chat that keeps its tokens: a new message costs only its own tokens, not those of the earlier chat.
 * `TextModel.startChat` makes it.
 */
export class ChatSession implements Disposable {
  readonly #model: TextModel
  readonly #session: Session
  readonly #conversation: Conversation

  constructor(model: TextModel, options: ChatSessionOptions) {
    const { template, system, messages = [], capacity, ...render } = options
    const chosen = templateOf(model.tokenizer, model.chatTemplates, template)
    this.#model = model
    this.#conversation = new Conversation(chosen, model.tokenizer, { messages, render })
    if (system !== undefined) this.#conversation.system = system
    this.#session = model.createSession(capacity === undefined ? {} : { capacity })
  }

  /** All messages, the system message first. */
  get messages(): readonly ChatMessage[] {
    return this.#conversation.messages
  }

  /** The system message; undefined without one. */
  get system(): string | undefined {
    return this.#conversation.system
  }

  set system(content: string | undefined) {
    this.#conversation.system = content
  }

  /** Removes all messages except the system message. */
  reset(): void {
    this.#conversation.reset()
  }

  /**
   * Adds the user's message and generates the answer. The chat keeps the answer, or the part of it that was written before it was cut short.
   * @throws ChatTemplateError @throws OptionError @throws PromptError @throws SessionError
   */
  send(content: string, options: Omit<GenerateOptions, 'session'> = {}): TextGeneration {
    const ids: number[] = []
    const prompt = this.#conversation.ask(content)
    const generation = this.#model.generate(prompt, {
      ...options,
      session: this.#session,
      onToken: token => {
        ids.push(token.id)
        options.onToken?.(token)
      },
    })
    const pieces = recorded(generation, text => this.#conversation.answered(text, ids))
    return new TextGeneration(generation.seed, generation.stats, pieces, options.signal)
  }

  /** Frees the tokens that it keeps. */
  dispose(): void {
    this.#session.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Yields the pieces of a generation, and reports the whole text when it ends in any way. */
async function* recorded(generation: TextGeneration, answered: (text: string) => void) {
  let text = ''
  try {
    for await (const piece of generation) {
      text += piece
      yield piece
    }
    return { finishReason: generation.finishReason ?? 'stop', stopped: generation.stopped }
  } finally {
    answered(text)
  }
}
