import { ChatTemplateError } from './errors'
import { llama2 } from './formats/llama2'
import { chatml, llama3 } from './formats/turns'
import type { Limits } from './jinja/budget'
import { type Program, parseTemplate } from './jinja/program'
import { freeCharacter } from './jinja/provenance'
import { render } from './jinja/render'
import { type ChatMessage, checkData, checkMessages } from './messages'
import { joined, type Segment } from './segments'

/** The formats that are built in. */
export const builtInFormats = ['llama2', 'chatml', 'llama3'] as const

export type BuiltInFormat = (typeof builtInFormats)[number]

/** What a template is made with. */
export interface ChatTemplateOptions {
  /** How the tokenizer writes BOS, EOS, and other tokens that templates name (`pad_token`). Default: as empty texts. */
  readonly bosToken?: string | undefined
  readonly eosToken?: string | undefined
  readonly tokens?: Readonly<Record<string, string>> | undefined
  /** What a Jinja template may use. */
  readonly limits?: Limits | undefined
}

/** How messages are rendered. */
export interface RenderOptions {
  /** End where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean | undefined
  /** Descriptions of tools, as Hugging Face's templates take them: plain data. */
  readonly tools?: readonly unknown[] | undefined
  /** Other variables of a template, such as `enable_thinking`: plain data. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /** What `strftime_now` gives. Default: now. */
  readonly now?: Date | undefined
}

/** Makes prompts of messages. */
export interface ChatTemplate {
  /**
   * The prompt, in parts. Only the template's own text is special. Text from messages, tools and variables is
   * not, so no message can imitate a turn.
   *
   * @throws ChatTemplateError
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): readonly Segment[]
}

/**
 * A chat template.
 *
 * A Jinja template is a program that comes with a model, and is not trusted: its steps, the texts that it makes, and its
 * time are bounded. Filters get the plain text of a message. Of the things that a filter does to it, only joining and trimming
 * are tracked in detail. Everything else that is made from message text counts as message text.
 *
 * @param source `llama2`, `chatml`, `llama3`, or a Jinja template as Hugging Face's tokenizers have it
 * @throws ChatTemplateError with problem `syntax` if it is not Jinja, or uses unsupported Jinja
 */
export const chatTemplate = (
  source: BuiltInFormat | (string & {}),
  options: ChatTemplateOptions = {},
): ChatTemplate => {
  if (typeof source !== 'string') {
    const names = builtInFormats.map(name => `'${name}'`).join(', ')
    throw new ChatTemplateError(
      'syntax',
      `the chat template is a ${typeof source}: expected ${names} or a Jinja template`,
    )
  }
  const { bosToken = '', eosToken = '' } = options
  const builtIn: Readonly<
    Record<string, ((messages: readonly ChatMessage[], start: boolean) => Segment[]) | undefined>
  > = {
    llama2: messages => llama2(messages, bosToken, eosToken),
    chatml: (messages, start) => chatml(messages, start),
    llama3: (messages, start) => llama3(messages, bosToken, start),
  }
  const format = Object.hasOwn(builtIn, source) ? builtIn[source] : undefined
  if (!format) return jinjaTemplate(parseTemplate(source), options)
  return {
    render(messages, { addGenerationPrompt = true, tools } = {}) {
      checkMessages(messages)
      if (tools !== undefined)
        throw new ChatTemplateError('messages', `the format ${source} has no place for tools: use a template that has`)
      if (source === 'llama2' && !addGenerationPrompt)
        throw new ChatTemplateError(
          'messages',
          'the format llama2 ends where the assistant answers: leave addGenerationPrompt true',
        )
      return joined(format(messages, addGenerationPrompt))
    },
  }
}

const reserved = [
  'messages',
  'tools',
  'add_generation_prompt',
  'range',
  'strftime_now',
  'raise_exception',
  'namespace',
  'true',
  'True',
  'false',
  'False',
  'none',
  'None',
]

const jinjaTemplate = (
  program: Program,
  { bosToken = '', eosToken = '', tokens = {}, limits = {} }: ChatTemplateOptions,
): ChatTemplate => ({
  render(messages, { addGenerationPrompt = true, tools, variables = {}, now = new Date() } = {}) {
    checkMessages(messages)
    const texts: string[] = []
    for (const [name, value] of Object.entries({ messages, tools, variables }))
      checkData(name, value, text => texts.push(text))
    const own: Record<string, string> = { ...tokens, bos_token: bosToken, eos_token: eosToken }
    for (const name of Object.keys(variables))
      if (reserved.includes(name) || Object.hasOwn(own, name))
        throw new ChatTemplateError('messages', `the variable ${name} has its own place: give it another name`)
    const mark = freeCharacter([...program.texts, ...texts, ...Object.values(own)])
    if (mark === undefined)
      throw new ChatTemplateError('messages', 'the messages hold all of the characters U+FDD0 to U+FDEF: take one out')
    return render(program, {
      tokens: own,
      variables: {
        documents: null,
        ...variables,
        messages,
        tools: tools ?? null,
        add_generation_prompt: addGenerationPrompt,
      },
      mark,
      length: texts.reduce((sum, { length }) => sum + length, 0),
      now,
      limits,
    })
  },
})
