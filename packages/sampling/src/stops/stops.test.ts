import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stopFilters } from './stops'

/** What passes of a text given in these pieces. */
const filtered = (pieces: readonly string[], stops: readonly string[]) => {
  const filter = stopFilters(stops)()
  let passed = ''
  for (const piece of pieces) {
    const { text, found } = filter.push(piece)
    passed += text
    if (found) return { passed, found: true }
  }
  return { passed: passed + filter.end().text, found: false }
}

/** The definition: the text before the occurrence that ends first, the longest of those that end there. */
const byDefinition = (text: string, stops: readonly string[]) => {
  for (let end = 1; end <= text.length; end++) {
    const starts = stops.filter(stop => text.slice(0, end).endsWith(stop)).map(stop => end - stop.length)
    if (starts.length > 0) return { passed: text.slice(0, Math.min(...starts)), found: true }
  }
  return { passed: text, found: false }
}

describe('stopFilters', () => {
  test('finds a stop string that spans pieces', () => {
    expect(filtered(['Hello', ' wor', 'ld, E', 'N', 'D and on'], ['END'])).toEqual({
      passed: 'Hello world, ',
      found: true,
    })
  })

  test('holds back no more than what may become a stop string', () => {
    const filter = stopFilters('\n\nUser:')()
    expect(filter.push('Yes.\n').text).toBe('Yes.')
    expect(filter.push('\n').text).toBe('')
    expect(filter.push('\n').text).toBe('\n')
    expect(filter.push('Us').text).toBe('')
    expect(filter.push('ually').text).toBe('\n\nUsually')
    expect(filter.push(' so\n').text).toBe(' so')
    expect(filter.end().text).toBe('\n')
  })

  test('without stop strings, all passes at once', () => {
    expect(stopFilters([])().push('abc')).toEqual({ text: 'abc' })
  })

  test('agrees with the definition, however the text is cut', () => {
    const word = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength })
    fc.assert(
      fc.property(fc.array(word(4), { maxLength: 12 }), fc.array(word(5), { maxLength: 4 }), (pieces, stops) => {
        expect(filtered(pieces, stops)).toEqual(byDefinition(pieces.join(''), stops))
      }),
      { numRuns: 3_000 },
    )
  })
})
