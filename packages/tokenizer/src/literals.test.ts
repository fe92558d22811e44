import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Literals } from './literals'

const found = (literals: Literals, text: string) => Array.from(literals.matches(text), ({ at, text }) => [at, text])

/** By definition: at each place all of them are tried, the longest first. */
function reference(texts: readonly string[], text: string): [number, string][] {
  const matches: [number, string][] = []
  const byLength = [...texts].sort((a, b) => b.length - a.length)
  for (let at = 0; at < text.length; ) {
    const match = byLength.find(each => text.startsWith(each, at))
    if (match !== undefined) matches.push([at, match])
    at += match?.length ?? 1
  }
  return matches
}

const unit = fc.constantFrom('a', 'b', '.', '▁', '\uffff', '🦙')

test('the longest at each place, from the left, as the definition finds them', () => {
  const texts = fc.uniqueArray(fc.string({ unit, minLength: 1, maxLength: 4 }), { maxLength: 12 })
  fc.assert(
    fc.property(texts, fc.string({ unit, maxLength: 30 }), (texts, text) => {
      expect(found(new Literals(texts), text)).toEqual(reference(texts, text))
    }),
    { numRuns: 2000 },
  )
})

test('a space matches the given code unit', () => {
  expect(found(new Literals(['a▁b', 'a b'], 0x2581), 'a b▁a▁b')).toEqual([
    [0, 'a▁b'],
    [4, 'a▁b'],
  ])
  expect(found(new Literals(['a▁b', 'a b']), 'a b')).toEqual([[0, 'a b']])
})
