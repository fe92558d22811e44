import { Random } from '@cria/vitest/random'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DuplicateFinder } from './duplicates'
import { MixtureConfigError } from './errors'

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 31)

/** Words without order. */
const wordsOf = (count: number, seed: number): string[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => `w${random.integer(0, 4999)}`)
}

/** Exact Jaccard similarity of the sets of five words in a row. */
const jaccard = (a: readonly string[], b: readonly string[]): number => {
  const shingles = (words: readonly string[]) =>
    new Set(words.slice(0, words.length - 4).map((_, i) => words.slice(i, i + 5).join(' ')))
  const [x, y] = [shingles(a), shingles(b)]
  const both = [...x].filter(shingle => y.has(shingle)).length
  return both / (x.size + y.size - both)
}

describe(`near-duplicates, seed ${seed}`, () => {
  test('are found from the threshold on, and their similarity is estimated', () => {
    let errors = 0
    let found = 0
    let near = 0
    for (let run = 0; run < 120; run++) {
      const original = wordsOf(300, seed + run)
      const copy = [...original]
      // Each changed word changes five shingles.
      for (let i = 0; i < run % 30; i++) copy[(i * 97) % 300] = `other${i}`
      const exact = jaccard(original, copy)
      const finder = new DuplicateFinder()
      expect(finder.add(original.join(' '))).toBeUndefined()
      expect(finder.add(wordsOf(300, seed + run + 1e6).join(' '))).toBeUndefined()
      const match = finder.add(copy.join(', '))
      if (exact >= 0.85) {
        near++
        if (match) found++
      }
      // Four standard errors of the estimate.
      if (exact < 0.8 - 4 * 0.036) expect(match, String(exact)).toBeUndefined()
      if (match) {
        expect(match.document).toBe(0)
        if (Math.abs(match.similarity - exact) > 4 * Math.sqrt((exact * (1 - exact)) / 128) + 1e-9) errors++
      }
    }
    expect(near).toBeGreaterThanOrEqual(20)
    expect(found / near).toBeGreaterThan(0.75)
    expect(errors).toBeLessThanOrEqual(2)
  })

  test('copies are found after any other documents, and with other case and punctuation', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), seeds => {
        const finder = new DuplicateFinder({ threshold: 1 })
        const texts = [...new Set(seeds)].map(seed => wordsOf(50, seed).join(' '))
        for (const text of texts) expect(finder.add(text)).toBeUndefined()
        for (const [document, text] of texts.entries()) {
          expect(finder.add(`«${text.toUpperCase().replaceAll(' ', ' — ')}!»`)).toEqual({ document, similarity: 1 })
        }
        expect(finder.documents).toBe(2 * texts.length)
      }),
      { seed, numRuns: 20 },
    )
  })
})

test('texts shorter than a shingle, and of other scripts', () => {
  const finder = new DuplicateFinder()
  expect(finder.add('The end.')).toBeUndefined()
  expect(finder.add('the END')).toEqual({ document: 0, similarity: 1 })
  expect(finder.add('The start.')).toBeUndefined()
  expect(finder.add('吾輩は猫である。名前はまだ無い。どこで生れたか')).toBeUndefined()
  expect(finder.add('吾輩は猫である。名前はまだ無い。どこで生れたか')).toMatchObject({ document: 3 })
  expect(finder.add('吾輩は犬である。名前はもう有る。そこで生れたよ')).toBeUndefined()
  expect(finder.add('…')).toBeUndefined()
  expect(finder.add('…')).toBeUndefined()
})

test('longer shingles tell more texts apart', () => {
  const texts = ['a b c d e f', 'a b c d f e']
  const similar = (shingleWords: number) => {
    const finder = new DuplicateFinder({ shingleWords, threshold: 0.3 })
    return texts.map(text => finder.add(text))[1]
  }
  expect(similar(1)).toEqual({ document: 0, similarity: 1 })
  expect(similar(5)).toBeUndefined()
})

test.each([{ threshold: 0 }, { threshold: 1.1 }, { shingleWords: 0 }, { shingleWords: 1.5 }])(
  '%j is refused',
  options => {
    expect(() => new DuplicateFinder(options)).toThrow(MixtureConfigError)
  },
)
