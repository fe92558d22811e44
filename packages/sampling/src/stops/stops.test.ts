import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors'
import { stopFilters } from './stops'

type Stop = string | RegExp

/** What passes of a text given in these pieces, and the match that ended it. */
const filtered = (pieces: readonly string[], stops: readonly Stop[]) => {
  const filter = stopFilters(stops)()
  let passed = ''
  for (const piece of pieces) {
    const { text, found } = filter.push(piece)
    passed += text
    if (found) return { passed, found }
  }
  const { text, found } = filter.end()
  return { passed: passed + text, found }
}

/** Whether the platform's own RegExp matches exactly from start to end. */
const matchesAt = (text: string, stop: Stop, start: number, end: number): boolean => {
  if (typeof stop === 'string') return text.slice(start, end) === stop
  const rest = [...text.slice(end)].length
  const exact = new RegExp(`(?:${stop.source})(?![^]{${rest + 1}})(?=[^]{${rest}})`, `${stop.flags}y`)
  exact.lastIndex = start
  return exact.test(text)
}

/** The definition: the text before the match that ends first, the longest of those that end there. */
const byDefinition = (text: string, stops: readonly Stop[]) => {
  const places = [0]
  for (const character of text) places.push(places[places.length - 1] + character.length)
  for (const end of places.slice(1)) {
    for (const start of places.filter(place => place < end)) {
      const stop = stops.find(stop => matchesAt(text, stop, start, end))
      if (stop !== undefined) return { passed: text.slice(0, start), match: text.slice(start, end) }
    }
  }
  return { passed: text, match: undefined }
}

const matchOf = ({ passed, found }: ReturnType<typeof filtered>) => ({
  passed,
  match: found && 'match' in found ? found.match : undefined,
})

describe('texts as stops', () => {
  test('one that spans pieces is found', () => {
    expect(filtered(['Hello', ' wor', 'ld, E', 'N', 'D and on'], ['END'])).toEqual({
      passed: 'Hello world, ',
      found: { stop: 'END', match: 'END' },
    })
  })

  test('only text that may become a stop is held back', () => {
    const filter = stopFilters('\n\nUser:')()
    expect(filter.push('Yes.\n').text).toBe('Yes.')
    expect(filter.push('\n').text).toBe('')
    expect(filter.push('\n').text).toBe('\n')
    expect(filter.push('Us').text).toBe('')
    expect(filter.push('ually').text).toBe('\n\nUsually')
    expect(filter.push(' so\n').text).toBe(' so')
    expect(filter.end().text).toBe('\n')
  })

  test('without stops, all text passes at once', () => {
    expect(stopFilters([])().push('abc')).toEqual({ text: 'abc' })
  })

  test('agree with the definition, however the text is cut', () => {
    const word = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength })
    fc.assert(
      fc.property(fc.array(word(4), { maxLength: 12 }), fc.array(word(5), { maxLength: 4 }), (pieces, stops) => {
        expect(matchOf(filtered(pieces, stops))).toEqual(byDefinition(pieces.join(''), stops))
      }),
      { numRuns: 3_000 },
    )
  })

  test('a character in two halves is one character', () => {
    const filter = stopFilters('🦙')()
    expect(filter.push('a\ud83e').text).toBe('a')
    expect(filter.push('\udd99b')).toEqual({ text: '', found: { stop: '🦙', match: '🦙' } })
    const other = stopFilters('x')()
    expect(other.push('\ud83e').text + other.push('\udd99').text + other.push('\ud83e').text + other.end().text).toBe(
      '🦙\ud83e',
    )
  })
})

describe('regular expressions as stops', () => {
  /** Patterns of every part that the parser knows, small enough for the platform's own search. */
  const { pattern } = fc.letrec<{ pattern: string; part: string }>(tie => ({
    pattern: fc.oneof(
      { weight: 3, arbitrary: fc.array(tie('part'), { minLength: 1, maxLength: 3 }).map(parts => parts.join('')) },
      fc.tuple(tie('part'), tie('part')).map(parts => parts.join('|')),
    ),
    part: fc.oneof(
      { maxDepth: 2 },
      fc.constantFrom(
        'a',
        'b',
        '.',
        '\\n',
        '[ab]',
        '[^a]',
        '\\w',
        '\\s',
        '\\x61',
        '\\u0062',
        '\\.',
        '🦙',
        '\\u{1f999}',
      ),
      fc.constantFrom('^', '$', '\\b', '\\B'),
      fc
        .tuple(fc.constantFrom('a', '[ab]', '.'), fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}', '+?'))
        .map(p => p.join('')),
      tie('pattern').map(inner => `(?:${inner})`),
      tie('pattern').map(inner => `(${inner})+`),
    ),
  }))
  const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '🦙', 'K'), maxLength: 4 }), {
    maxLength: 5,
  })

  test('agree with the definition, by the platform’s own search of every place', () => {
    let found = 0
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 2 }),
        fc.constantFrom('u', 'iu', 'mu', 'su'),
        text,
        (sources, flags, pieces) => {
          const stops = sources.map(source => new RegExp(source, flags))
          fc.pre(stops.every(stop => !byEmpty(stop)))
          const result = matchOf(filtered(pieces, stops))
          if (result.match !== undefined) found++
          expect(result).toEqual(byDefinition(pieces.join(''), stops))
        },
      ),
      { numRuns: 2_000 },
    )
    expect(found).toBeGreaterThan(200)
  })

  /** Whether a pattern may match no character: the filter refuses those. */
  const byEmpty = (stop: RegExp): boolean => {
    try {
      stopFilters(stop)
      return false
    } catch {
      return true
    }
  }

  test('of two that end together the longer counts, though it waits for the next character', () => {
    expect(matchOf(filtered(['b', 'a', ' '], [/ba\b/, 'a']))).toEqual({ passed: '', match: 'ba' })
    expect(matchOf(filtered(['b', 'a', 'c'], [/ba\b/, 'a']))).toEqual({ passed: 'b', match: 'a' })
    expect(matchOf(filtered(['b', 'a'], [/ba$/, 'a']))).toEqual({ passed: '', match: 'ba' })
    expect(matchOf(filtered(['ba', 'c'], [/a|ba$/]))).toEqual({ passed: 'b', match: 'a' })
  })

  test('what matched, and which of them, is told', () => {
    const user = /\n(?:User|Human): /
    expect(filtered(['Yes.\nHu', 'man: and'], ['END', user])).toEqual({
      passed: 'Yes.',
      found: { stop: user, match: '\nHuman: ' },
    })
    expect(filtered(['a 12', '34'], [/\d+$/])).toEqual({ passed: 'a ', found: { stop: /\d+$/, match: '1234' } })
  })

  // Parts that the patterns above have not: each text is cut into single code units.
  test.each<[RegExp, string, string | undefined]>([
    [/\cJb/, 'a\nb', '\nb'],
    [/\p{Lu}/u, 'ab1Bc', 'B'],
    [/\P{L}+c/u, 'ab12c', '12c'],
    [/[\]\\]+x/, 'ab\\]x', '\\]x'],
    [/[^\]]b/, 'a]bab', 'ab'],
    [/\ud83e\udd99/, 'a🦙b', '🦙'],
    [/\uD83E\uDD99/u, 'a🦙b', '🦙'],
    [/\u{1f999}b/u, 'a🦙b', '🦙b'],
    [/x-y\/z/, 'ax-y/z', 'x-y/z'],
    [/(?<name>b)c/, 'abc', 'bc'],
    [/(?<a>a)(?<b>b)/, 'xab', 'ab'],
    [/a{3}b/, 'aaaab', 'aaab'],
    [/a{2,3}b/, 'xaaaab', 'aaab'],
    [/xa{0,12}b/, `x${'a'.repeat(12)}b`, `x${'a'.repeat(12)}b`],
    [/xa{0,12}b/, `x${'a'.repeat(13)}b`, undefined],
    [/xa{2,}b/, 'xab xaaaaab', 'xaaaaab'],
    [/xa??b/, 'axb', 'xb'],
    [/xa{1,2}?b/, 'xaab', 'xaab'],
    [/b{/, 'ab{', 'b{'],
    [/ÄB/i, 'xäb', 'äb'],
    [/a\*\.\$b/i, 'A*.$B', 'A*.$B'],
    [/]}/i, 'a]}', ']}'],
    [/(?:ab|c|)d/, 'xabd', 'abd'],
    [/.c/, '\ncbc', 'bc'],
    [/.c/s, '\nc', '\nc'],
    [/^b/, 'ab\nb', undefined],
    [/^b/m, 'ab\rb', 'b'],
    [/b$/m, 'bab\u2028', 'b'],
    [/\bb\b/, 'ab_b b', 'b'],
    [/a\Bb/, 'a bab', 'ab'],
    [/\ba\b/, 'a', 'a'],
    [/\ba\b/, 'xa a', 'a'],
    [/\Ba/, 'aa', 'a'],
    [/a\B/, 'a', undefined],
    [/\B!\B/, '!', '!'],
    [/a/dg, 'ba', 'a'],
  ])('%s finds in %j what the platform finds: %j', (pattern, text, match) => {
    expect(filtered(text.split(''), [pattern]).found).toEqual(match && { stop: pattern, match })
    expect(new RegExp(pattern.source, pattern.flags.replace('g', '')).exec(text)?.[0]).toBe(match)
  })

  test('are accepted up to the limits', () => {
    const nested = new RegExp(`${'('.repeat(100)}a${')'.repeat(100)}`)
    expect(filtered(['ba'], [nested]).passed).toBe('b')
    expect(filtered(['ba'], [new RegExp(`[${'a'.repeat(9_998)}]`)]).passed).toBe('b')
    const text = `c${'a'.repeat(9_999)}`
    expect(filtered(['b', text], [text]).passed).toBe('b')
    expect(filtered(['b', 'a'.repeat(1_990)], [/a{1990}/]).passed).toBe('b')
  })

  test.each([/(a+)+b/, /(a|a)*b/, /(a*)*b/, /(?:a?){100}a{100}b/, /(.*)(.*)(.*)(.*)(.*)x/s])(
    '%s, on which backtracking takes exponential time, takes bounded time',
    pattern => {
      // 20,000 characters: a search that backtracks would not end.
      expect(filtered(new Array(20).fill('a'.repeat(1_000)), [pattern]).passed).toHaveLength(20_000)
    },
  )

  test.each<[RegExp | string, string]>([
    [/(a)\1/, 'a pattern without backreferences'],
    [/(?<x>a)\k<x>/, 'a pattern without backreferences'],
    [/a(?=b)/, 'a pattern without lookaround'],
    [/a(?!b)/, 'a pattern without lookaround'],
    [/(?<=a)b/, 'a pattern without lookaround'],
    [/(?<!a)b/, 'a pattern without lookaround'],
    [/a*/, 'a pattern that matches at least one character'],
    [/^$/, 'a pattern that matches at least one character'],
    [/a/y, 'flags of d, g, i, m, s and u only'],
    [/((a{1000}){1000}){1000}/, 'a pattern of at most 2000 states'],
    [/(((^){1000}){1000}){1000}a/, 'a pattern of at most 2000 states'],
    [new RegExp(`${'('.repeat(200)}a${')'.repeat(200)}`), 'groups nested at most 100 deep'],
    [new RegExp(`${'('.repeat(101)}a${')'.repeat(101)}`), 'groups nested at most 100 deep'],
    [new RegExp(`[${'a'.repeat(9_999)}]`), 'a pattern of at most 10000 characters'],
    ['a'.repeat(10_001), 'a text of at most 10000 characters'],
    [/a{2100}/, 'a pattern of at most 2000 states (repetition copies what it repeats)'],
    [new RegExp('a'.repeat(20_000)), 'a pattern of at most 10000 characters'],
    ['a'.repeat(20_000), 'a text of at most 10000 characters'],
  ])('refuses %s', (stop, message) => {
    expect(() => stopFilters(stop)).toThrow(OptionError)
    expect(() => stopFilters(stop)).toThrow(message)
  })
})

test('in text that passes no stop begins, and an assertion sees its last character', () => {
  const filter = stopFilters(['ab', /^x/m])()
  expect(filter.pass('aba')).toEqual({ text: 'aba' })
  expect(filter.push('bx').text + filter.push('').text).toBe('bx')
  const other = stopFilters(/^x/m)()
  other.pass('\n')
  expect(other.push('xy').found).toEqual({ stop: /^x/m, match: 'x' })
})
