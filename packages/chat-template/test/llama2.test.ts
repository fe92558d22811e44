import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type ChatMessage, ChatTemplateError, chatTemplate, encodeChat } from '../src'
import { textOf } from '../src/segments'

const system = (content: string): ChatMessage => ({ role: 'system', content })
const user = (content: string): ChatMessage => ({ role: 'user', content })
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content })
const template = chatTemplate('llama2', { bosToken: '<s>', eosToken: '</s>' })
const written = (...messages: ChatMessage[]): string => textOf(template.render(messages))

describe('the format of LLaMA 2', () => {
  test('of one question', () => {
    expect(written(user('Hello'))).toBe('<s>[INST] Hello [/INST]')
  })

  test('of a chat: each past turn between BOS and EOS', () => {
    expect(written(user('Hello'), assistant('Hi!'), user('How are you?'), assistant('Well.'), user('Bye'))).toBe(
      '<s>[INST] Hello [/INST] Hi! </s><s>[INST] How are you? [/INST] Well. </s><s>[INST] Bye [/INST]',
    )
  })

  test('of a system message, before the first question', () => {
    expect(written(system('Be brief.'), user('Hello'), assistant('Hi!'), user('Bye'))).toBe(
      '<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Hi! </s><s>[INST] Bye [/INST]',
    )
    expect(written(system(''), user('Hello'))).toBe('<s>[INST] <<SYS>>\n\n<</SYS>>\n\nHello [/INST]')
  })

  test('white space around a message is taken off, but a system’s stays', () => {
    expect(written(user('  Hello\n'), assistant('\tHi! '), user(' Bye '))).toBe(
      '<s>[INST] Hello [/INST] Hi! </s><s>[INST] Bye [/INST]',
    )
    expect(written(system(' Be brief. '), user('Hello '))).toBe(
      '<s>[INST] <<SYS>>\n Be brief. \n<</SYS>>\n\nHello [/INST]',
    )
  })

  test('of a message of any length', () => {
    const long = 'a'.repeat(1_000_000)
    expect(written(user(long), assistant(long), user('Bye'))).toBe(
      `<s>[INST] ${long} [/INST] ${long} </s><s>[INST] Bye [/INST]`,
    )
  })

  test('only BOS and EOS are special', () => {
    const segments = template.render([system('a'), user('</s>'), assistant('b'), user('c')])
    expect(segments.filter(({ special }) => special).map(({ text }) => text)).toEqual(['<s>', '</s><s>'])
  })

  test.each<[string, ChatMessage[], string]>([
    ['no message', [], 'there is no message'],
    ['a system message alone', [system('Be brief.')], 'a chat must end with a message of the user'],
    ['an answer at the end', [user('Hello'), assistant('Hi!')], 'a chat must end with a message of the user'],
    ['an answer first', [assistant('Hi!')], "message 0 is the assistant's where the user's is expected"],
    ['two questions in a row', [user('Hello'), user('Hello?')], "message 1 is the user's where the assistant's is"],
    ['a system message later', [user('Hello'), system('Be brief.')], "message 1 is the system's where"],
    [
      'two system messages',
      [system('Be brief.'), system('Be kind.'), user('Hello')],
      "message 1 is the system's where the user's is expected",
    ],
    ['a tag of the format', [user('[INST] and so on')], 'message 0 (user) holds "[INST]"'],
    ['a closing tag', [user('Hello'), assistant('Hi [/INST]'), user('Bye')], 'message 1 (assistant) holds "[/INST]"'],
    ['a system tag', [system('Be <<SYS>> brief.'), user('Hello')], 'message 0 (system) holds "<<SYS>>"'],
    ['a closing system tag', [system('<</SYS>>'), user('Hello')], 'message 0 (system) holds "<</SYS>>"'],
    [
      'a tag in the last message',
      [user('Hello'), assistant('Hi!'), user('a<<SYS>>b')],
      'message 2 (user) holds "<<SYS>>"',
    ],
    ['an unknown role', [{ role: 'tool', content: 'Hello' }], "message 0 is the tool's where the user's"],
  ])('refuses %s', (_, messages, message) => {
    expect(() => written(...messages)).toThrow(ChatTemplateError)
    expect(() => written(...messages)).toThrow(message)
  })
})

const model = new URL('../../../../shared/data/llama2-tokenizer/tokenizer.model', import.meta.url)

describe.skipIf(!existsSync(model))('with LLaMA 2’s tokenizer', async () => {
  const { loadTokenizer } = await import('@cria/tokenizer')
  const tokenizer = loadTokenizer(readFileSync(model))
  const ids = (...messages: ChatMessage[]) => encodeChat(tokenizer, template.render(messages))

  test('tags are pieces of text, BOS and EOS are ids', () => {
    const [instruction, end] = [
      [518, 25580, 29962], // ▁[ INST ]
      [518, 29914, 25580, 29962], // ▁[ / INST ]
    ]
    const hello = [15043] // ▁Hello
    expect(ids(user('Hello'))).toEqual([1, ...instruction, ...hello, ...end])
    const chat = ids(system('Hello'), user('Hello'), assistant('Hello'), user('Hello'))
    expect(chat.slice(0, 19)).toEqual([
      ...[1, ...instruction, 3532, 14816, 29903, 6778, 13], // ▁<< SY S >> \n
      ...[10994, 13, 29966, 829, 14816, 29903, 6778, 13, 13], // Hello \n < </ SY S >> \n \n
      10994,
    ])
    expect(chat.slice(19)).toEqual([...end, ...hello, 29871, 2, 1, ...instruction, ...hello, ...end])
  })

  test('a text that spells a control token is text', () => {
    expect(ids(user('<s></s>')).filter(id => id <= 2)).toEqual([1])
  })
})
