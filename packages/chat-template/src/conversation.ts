import type { ChatTemplate, RenderOptions } from './chat-template'
import { type ChatTokenizer, type EncodeChatOptions, encodeChat, ownTokens } from './encode'
import type { ChatMessage } from './messages'
import { joined, type Segment, sliced, textOf } from './segments'

/** How a conversation is made. */
export interface ConversationOptions extends EncodeChatOptions {
  /** Earlier messages. Default: none. */
  readonly messages?: readonly ChatMessage[] | undefined
  /** Tools and variables of the template. */
  readonly render?: Omit<RenderOptions, 'addGenerationPrompt'> | undefined
}

/** The parts of a text, and the ids of it that a model holds. */
interface Held {
  readonly segments: readonly Segment[]
  readonly ids: readonly number[]
}

/**
 * A chat that grows: its messages, and the ids of the next prompt. The ids of an earlier prompt and of its answer do not
 * change, if the template does not change their text. So a session that holds them computes only the
 * new tokens: a chat of ten turns costs the sum of its turns' tokens.
 */
export class Conversation {
  #messages: ChatMessage[]
  #held: Held | undefined

  constructor(
    private readonly template: ChatTemplate,
    private readonly tokenizer: ChatTokenizer,
    private readonly options: ConversationOptions = {},
  ) {
    this.#messages = [...(options.messages ?? [])]
  }

  /** The messages so far, the system's first. */
  get messages(): readonly ChatMessage[] {
    return this.#messages
  }

  /** The text of the system message, which comes first; undefined without one. */
  get system(): string | undefined {
    const [first] = this.#messages
    return first?.role === 'system' ? first.content : undefined
  }

  /** Sets the system message, or takes it away. What follows in the chat stays. */
  set system(content: string | undefined) {
    const rest = this.system === undefined ? this.#messages : this.#messages.slice(1)
    this.#messages = content === undefined ? rest : [{ role: 'system', content }, ...rest]
  }

  /**
   * Adds a message of the user.
   *
   * @returns the ids of the prompt, which the assistant's answer follows
   * @throws ChatTemplateError if the template refuses the message, which is not added then
   */
  ask(content: string): number[] {
    return this.say({ role: 'user', content })
  }

  /** As `ask`, for a message of any role, such as a tool's. */
  say(message: ChatMessage): number[] {
    const before = this.#messages
    this.#messages = [...before, message]
    try {
      return this.prompt()
    } catch (error) {
      this.#messages = before
      throw error
    }
  }

  /** The ids of the chat so far, which the assistant's answer follows. */
  prompt(): number[] {
    const options = { ...this.options.render, addGenerationPrompt: true }
    const segments = joined(this.template.render(this.#messages, options))
    const ids = this.#encoded(segments)
    this.#held = { segments, ids }
    return ids.slice()
  }

  /**
   * Adds the assistant's answer to the last prompt.
   *
   * @param ids the tokens of just this text, without the one that ended them. To be left out if the text was cut, as at a
   *   stop text: it is then encoded again
   */
  answered(content: string, ids?: ArrayLike<number>): void {
    this.#messages = [...this.#messages, { role: 'assistant', content }]
    if (!this.#held || !ids) return
    const segments = joined([...this.#held.segments, { text: content, special: false }])
    this.#held = { segments, ids: [...this.#held.ids, ...Array.from(ids)] }
  }

  /** Removes the last message of the user, and all messages after it. */
  undo(): void {
    const last = this.#messages.map(({ role }) => role).lastIndexOf('user')
    if (last >= 0) this.#messages = this.#messages.slice(0, last)
  }

  /** Removes all messages except the system message. */
  reset(): void {
    this.#messages = this.system === undefined ? [] : this.#messages.slice(0, 1)
  }

  /**
   * The held ids are reused if the prompt begins with their text and continues with a special token: nothing merges
   * across that.
   */
  #encoded(segments: readonly Segment[]): number[] {
    const rest = this.#held && restAfter(this.tokenizer, this.#held.segments, segments)
    if (this.#held && rest) return [...this.#held.ids, ...encodeChat(this.tokenizer, rest)]
    return encodeChat(this.tokenizer, segments, this.options)
  }
}

/**
 * The segments after those of `start`; undefined unless they begin with the same text and the same special tokens, and
 * continue with a special token.
 */
const restAfter = (
  tokenizer: ChatTokenizer,
  start: readonly Segment[],
  segments: readonly Segment[],
): Segment[] | undefined => {
  const text = textOf(start)
  if (!textOf(segments).startsWith(text)) return undefined
  const before = ownTokens(tokenizer, start).tokens
  const after = ownTokens(tokenizer, segments).tokens
  const isSame = before.every((part, i) => part.start === after[i]?.start && part.end === after[i].end)
  return isSame && after[before.length]?.start === text.length ? sliced(segments, text.length, Infinity) : undefined
}
