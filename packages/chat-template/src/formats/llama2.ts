import { ChatTemplateError } from '../errors'
import type { ChatMessage } from '../messages'
import type { Segment } from '../segments'

const tags = ['[INST]', '[/INST]', '<<SYS>>', '<</SYS>>'] as const

/**
 * A chat as LLaMA 2's chat models were trained on it (LLaMA 2, section 3.3 and the released code), up to where the
 * assistant answers next. Each past turn is BOS `[INST] user [/INST] assistant ` EOS; the last has no answer yet. The
 * tags are ordinary text to the tokenizer, so no message may hold one.
 *
 * @throws ChatTemplateError of problem `raised` if roles are out of order, or a message holds a tag
 */
export const llama2 = (messages: readonly ChatMessage[], bosToken: string, eosToken: string): Segment[] =>
  checkedTurns(messages).flatMap(({ user, assistant }) => {
    const prompt = `[INST] ${user.trim()} [/INST]`
    const start = { text: bosToken, special: true }
    if (assistant === undefined) return [start, { text: prompt, special: false }]
    const text = `${prompt} ${assistant.trim()} `
    return [start, { text, special: false }, { text: eosToken, special: true }]
  })

interface Turn {
  readonly user: string
  readonly assistant?: string
}

const checkedTurns = (messages: readonly ChatMessage[]): Turn[] => {
  for (const [i, { role, content }] of messages.entries()) {
    const tag = tags.find(tag => content.includes(tag))
    if (tag) throw refusal(`message ${i} (${role}) holds "${tag}", a tag of the format: take it out of the text`)
  }
  const [first, ...rest] = messages
  const system = first?.role === 'system' ? `<<SYS>>\n${first.content}\n<</SYS>>\n\n` : ''
  const spoken = system ? rest : messages
  for (const [i, { role }] of spoken.entries()) {
    const expected = i % 2 === 0 ? 'user' : 'assistant'
    if (role !== expected)
      throw refusal(
        `message ${i + (system ? 1 : 0)} is the ${role}'s where the ${expected}'s is expected: after an optional system message, user and assistant take turns`,
      )
  }
  if (spoken.length % 2 === 0) throw refusal('a chat must end with a message of the user, which the model answers')
  return Array.from({ length: (spoken.length + 1) / 2 }, (_, turn) => {
    const user = (turn === 0 ? system : '') + spoken[2 * turn].content
    const assistant = spoken[2 * turn + 1]?.content
    return assistant === undefined ? { user } : { user, assistant }
  })
}

const refusal = (message: string): ChatTemplateError => new ChatTemplateError('raised', message)
