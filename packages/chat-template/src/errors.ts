/**
 * Why a chat template cannot make a prompt:
 * - `syntax`: it is not Jinja, or uses unsupported Jinja
 * - `raised`: it refuses these messages, by `raise_exception`
 * - `limit`: it takes too many steps, too much memory, or too long
 * - `failed`: it uses a value, filter or test that does not exist
 * - `messages`: the messages cannot be put into a template
 */
export type ChatTemplateProblem = 'syntax' | 'raised' | 'limit' | 'failed' | 'messages'

/** A chat template or messages from which no prompt can be made. */
export class ChatTemplateError extends Error {
  override readonly name = 'ChatTemplateError'

  constructor(
    readonly problem: ChatTemplateProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
