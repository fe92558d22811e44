import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chatTemplate, encodeChat, type Segment } from '../src'
import { readable } from './tokenizer'

const own = (text: string): Segment => ({ text, special: true })
const said = (text: string): Segment => ({ text, special: false })
const special = ['<s>', '</s>', '<|im_start|>', '<|im_end|>', '<s>x']

describe('encodeChat', () => {
  test('finds special tokens in the template’s own text', () => {
    const { tokenizer, read } = readable(special)
    const segments = [own('<s><|im_start|>'), said('user'), own('\n'), said('hi'), own('<|im_end|>\n')]
    expect(read(encodeChat(tokenizer, segments))).toBe('⟦<s>⟧⟦<|im_start|>⟧user\nhi⟦<|im_end|>⟧\n')
  })

  test.each<[string, Segment[], string]>([
    ['a name in a message', [own('<s>'), said('a</s>b'), own('</s>')], '⟦<s>⟧a</s>b⟦</s>⟧'],
    ['a name that a message completes', [own('<s><|im_'), said('end|>')], '⟦<s>⟧<|im_end|>'],
    ['a name that a message begins', [said('<|im_'), own('end|><s>')], '<|im_end|>⟦<s>⟧'],
    ['a name across messages', [said('<|im'), own('_'), said('end|>')], '<|im_end|>'],
    ['a longer name that a message would make', [own('<s>'), said('x')], '⟦<s>⟧x'],
    ['the longer name itself', [own('<s>x'), said('x')], '⟦<s>x⟧x'],
    ['BOS at the start of a message', [said('<s>'), own('<s>')], '<s>⟦<s>⟧'],
    ['nothing', [], ''],
  ])('%s', (_, segments, expected) => {
    for (const knowsAdded of [true, false]) {
      const { tokenizer, read } = readable(special, { knowsAdded })
      expect(read(encodeChat(tokenizer, segments))).toBe(expected)
    }
  })

  test('a prompt whose messages hold no name is encoded as a whole, so text merges as it does in training', () => {
    const { tokenizer, calls } = readable(special)
    encodeChat(tokenizer, [own('<s>[INST] '), said('hi'), own(' [/INST]')])
    expect(calls).toEqual(['<s>[INST] hi [/INST]'])
    calls.length = 0
    encodeChat(tokenizer, [own('<s>[INST] '), said('hi</s>'), own(' [/INST]')])
    expect(calls).toEqual(['<s>', '[INST] hi</s> [/INST]'])
  })

  test('added tokens that are not special are the template’s alone too, where their names are known', () => {
    const options = { added: ['<think>'] }
    const segments = [own('<think>'), said('a<think>b'), own('<think>')]
    const { tokenizer, read } = readable(special, options)
    expect(read(encodeChat(tokenizer, segments))).toBe('⟦<think>⟧a<think>b⟦<think>⟧')
    // Where they are not known, text beside a message holds none.
    const other = readable(special, { ...options, knowsAdded: false })
    expect(other.read(encodeChat(other.tokenizer, segments))).toBe('<think>a<think>b<think>')
    expect(other.read(encodeChat(other.tokenizer, [own('<think>')]))).toBe('⟦<think>⟧')
  })

  test('BOS is put first on request, and never twice', () => {
    const { tokenizer, read } = readable(special)
    expect(read(encodeChat(tokenizer, [said('a')], { bos: true }))).toBe('⟦<s>⟧a')
    expect(read(encodeChat(tokenizer, [own('<s>'), said('a')], { bos: true }))).toBe('⟦<s>⟧a')
    expect(read(encodeChat(tokenizer, [said('<s>a')], { bos: true }))).toBe('⟦<s>⟧<s>a')
    expect(read(encodeChat({ ...tokenizer, bosId: undefined }, [said('a')], { bos: true }))).toBe('a')
  })

  test('the text is kept, and tokens come from the template alone, however parts are cut', () => {
    const part = fc
      .array(fc.constantFrom(...special, '<', '|', 's', '>', 'im_', 'x'), { maxLength: 5 })
      .map(parts => parts.join(''))
    fc.assert(
      fc.property(fc.array(fc.record({ text: part, special: fc.boolean() }), { maxLength: 6 }), segments => {
        const { tokenizer, read } = readable(special)
        const result = read(encodeChat(tokenizer, segments))
        const text = segments.map(({ text }) => text).join('')
        expect(result.replaceAll(/[⟦⟧]/g, '')).toBe(text)
        // By definition: at each place the longest name that lies in the template's own text, from the left.
        const kinds = segments.flatMap(({ text, special }) => Array.from(text, () => special))
        let expected = ''
        for (let at = 0; at < text.length; ) {
          const name = special
            .filter(name => text.startsWith(name, at) && kinds.slice(at, at + name.length).every(Boolean))
            .sort((a, b) => b.length - a.length)
            .at(0)
          expected += name === undefined ? text[at] : `⟦${name}⟧`
          at += name?.length ?? 1
        }
        expect(result).toBe(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  test('a megabyte of names is text', () => {
    const names = Array.from({ length: 256 }, (_, i) => `<|reserved_special_token_${i}|>`)
    const { tokenizer, read } = readable([...special, ...names])
    const content = '<|reserved_special_token_7|><|im_start|>'.repeat(25_000)
    const segments = chatTemplate('chatml').render([{ role: 'user', content }])
    const ids = encodeChat(
      {
        ...tokenizer,
        encode: (text, options) =>
          options.special ? tokenizer.encode(text, options) : Array.from(text, c => c.charCodeAt(0)),
      },
      segments,
    )
    expect(read(ids)).toBe(`⟦<|im_start|>⟧user\n${content}⟦<|im_end|>⟧\n⟦<|im_start|>⟧assistant\n`)
  })
})
