/** A message of a chat. A system message may stand first; then user and assistant take turns, the user first and last. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A chat that LLaMA 2 was not trained on: roles out of turn, or a text that holds one of the format's own tags. */
export class ChatFormatError extends Error {
  override readonly name = 'ChatFormatError'
}

/** What the format asks of a tokenizer: BOS and EOS are ids, never parsed from text. */
export interface ChatTokenizer {
  readonly bosId: number
  readonly eosId: number
  encode(text: string): ArrayLike<number>
}

const tags = ['[INST]', '[/INST]', '<<SYS>>', '<</SYS>>'] as const

/**
 * The ids of a chat as LLaMA 2's chat models were trained on them (LLaMA 2, section 3.3 and the released code), up to where
 * the assistant answers next. Each past turn is BOS `[INST] user [/INST] assistant ` EOS; the last has no answer yet.
 * @throws ChatFormatError
 */
export const encodeChat = (tokenizer: ChatTokenizer, messages: readonly ChatMessage[]): number[] => {
  const turns = checkedTurns(messages)
  const ids: number[] = []
  for (const { user, assistant } of turns) {
    const prompt = `[INST] ${user.trim()} [/INST]`
    const text = assistant === undefined ? prompt : `${prompt} ${assistant.trim()} `
    ids.push(tokenizer.bosId)
    for (const id of Array.from(tokenizer.encode(text))) ids.push(id)
    if (assistant !== undefined) ids.push(tokenizer.eosId)
  }
  return ids
}

const checkedTurns = (messages: readonly ChatMessage[]): { user: string; assistant?: string }[] => {
  for (const [i, { role, content }] of messages.entries()) {
    const tag = tags.find(tag => content.includes(tag))
    if (tag)
      throw new ChatFormatError(`message ${i} (${role}) holds "${tag}", a tag of the format: take it out of the text`)
  }
  const [first, ...rest] = messages
  const system = first?.role === 'system' ? `<<SYS>>\n${first.content}\n<</SYS>>\n\n` : ''
  const spoken = system ? rest : messages
  for (const [i, { role }] of spoken.entries()) {
    const expected = i % 2 === 0 ? 'user' : 'assistant'
    if (role !== expected)
      throw new ChatFormatError(
        `message ${i + (system ? 1 : 0)} is the ${role}'s where the ${expected}'s is expected: after an optional system message, user and assistant take turns`,
      )
  }
  if (spoken.length % 2 === 0)
    throw new ChatFormatError('a chat must end with a message of the user, which the model answers')
  return Array.from({ length: (spoken.length + 1) / 2 }, (_, turn) => {
    const user = spoken[2 * turn].content
    const assistant = spoken[2 * turn + 1]?.content
    const text = turn === 0 ? system + user : user
    return assistant === undefined ? { user: text } : { user: text, assistant }
  })
}
