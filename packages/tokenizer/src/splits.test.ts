import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type SplitName, splitOf } from './splits'

const cut = (name: SplitName, text: string, from = 0, to = text.length) => {
  const split = splitOf(name)
  const words: string[] = []
  for (let at = from; at < to; ) {
    const end = split(text, at, to)
    words.push(text.slice(at, end))
    at = end
  }
  return words
}

// The patterns as JavaScript's regular expressions, which stand for the definition; with the White_Space that they mean
// in place of JavaScript's own, and both cases written out.
const s = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const notS = '[^\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const other = '[^\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\p{L}\\p{N}]'
const ends = "'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
const llama3 = (digits: string) =>
  `${ends}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?${other}+[\\r\\n]*|${s}*[\\r\\n]+|${s}+(?!${notS})|${s}+`
const definitions: Record<SplitName, string> = {
  gpt2: `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?${other}+|${s}+(?!${notS})|${s}+`,
  llama3: llama3('{1,3}'),
  qwen2: llama3(''),
  digits: '\\p{N}|\\P{N}+',
  'digit runs': '\\p{N}+|\\P{N}+',
  'digit triples': '[0-9][0-9][0-9]',
  punctuation: '[\\p{P}$+<=>^~|]+',
}

/** The matches, and the text between them. */
const byDefinition = (name: SplitName, text: string) =>
  text.split(new RegExp(`(${definitions[name]})`, 'u')).filter(word => word !== '')

// Characters that have had their class in every version of Unicode since 5.
const unit = fc.constantFrom(
  ...' \n\r\t\u00a0\u3000\u0085\u2028\ufeff\u200b',
  ..."''\"sStTrReEvVmMlLdDſ0123456789٣½Ⅷ.,!?-_()<>|$+=^~`@#¿。«",
  ...'abcxyzéßǅаאहি漢字가ᄀ́',
  ...['🦙', '👨‍👩', '𝟘', '𠀀', '𐄀', "'ll", "'RE", '   ', '\r\n', '12345'],
)

/** Text beside the part that is cut, which must not matter. */
const around = fc.string({ unit, maxLength: 4 })

test.each(Object.keys(definitions) as SplitName[])('text is cut as the pattern says: %s', name => {
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), around, around, (text, before, after) => {
      expect(cut(name, text)).toEqual(byDefinition(name, text))
      expect(cut(name, before + text + after, before.length, before.length + text.length)).toEqual(cut(name, text))
    }),
    { numRuns: 2000 },
  )
})

test('cutting takes time linear in the text', () => {
  for (const name of Object.keys(definitions) as SplitName[])
    for (const part of ['a', ' ', '1', '.', '\n', ' \n', "'", ' .', '漢', '🦙'])
      expect(cut(name, part.repeat(200_000)).join('').length).toBe(part.length * 200_000)
})
