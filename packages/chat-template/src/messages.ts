import { ChatTemplateError } from './errors'

/** A message of a chat. */
export interface ChatMessage {
  /** Who speaks. Templates know these roles; some know others. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | (string & {})
  readonly content: string
  /** Other members that a template reads, such as `tool_calls`: plain data. */
  readonly [member: string]: unknown
}

const MAX_VALUES = 1_000_000
const MAX_DEPTH = 64

/**
 * Checks what a template is given: only plain data, of bounded depth and size.
 *
 * @param visit is given each text in it
 * @throws ChatTemplateError of problem `messages`
 */
export const checkData = (name: string, value: unknown, visit: (text: string) => void): void => {
  let values = 0
  const walk = (path: string, value: unknown, depth: number): void => {
    if (++values > MAX_VALUES || depth > MAX_DEPTH) {
      const bounds = `at most ${MAX_VALUES} values, nested at most ${MAX_DEPTH} deep`
      throw new ChatTemplateError('messages', `${name} is too large: expected ${bounds}`)
    }
    if (typeof value === 'string') visit(value)
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(`${path}[${i}]`, item, depth + 1)
    else if (typeof value === 'object' && value !== null && isPlain(value)) {
      for (const [key, item] of Object.entries(value)) {
        visit(key)
        walk(`${path}.${key}`, item, depth + 1)
      }
    } else if (value != null && typeof value !== 'number' && typeof value !== 'boolean')
      throw new ChatTemplateError(
        'messages',
        `${path.slice(0, 80)} is a ${typeof value}: expected plain data (texts, numbers, arrays, objects)`,
      )
  }
  walk(name, value, 0)
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  // An object of another realm has that realm's prototype, which has none itself.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** @throws ChatTemplateError if the messages are not an array of roles and contents */
export const checkMessages = (messages: readonly ChatMessage[]): void => {
  const fail = (what: string): never => {
    throw new ChatTemplateError('messages', `${what}: expected an array of { role, content }, both texts`)
  }
  if (!Array.isArray(messages)) fail(`messages is ${messages === null ? 'null' : typeof messages}`)
  if (messages.length === 0) fail('there is no message')
  for (const [i, message] of (messages as readonly unknown[]).entries()) {
    if (typeof message !== 'object' || message === null) fail(`message ${i} is ${String(message)}`)
    const { role, content } = message as Partial<ChatMessage>
    if (typeof role !== 'string' || role === '') fail(`the role of message ${i} is ${JSON.stringify(role)}`)
    if (typeof content !== 'string') fail(`the content of message ${i} is of type ${typeof content}`)
  }
}
