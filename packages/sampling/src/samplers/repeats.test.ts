import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dry, noRepeatNgram } from './repeats'

const VOCAB = 5
const flat = new Float32Array(VOCAB)
const anyHistory = fc.array(fc.nat(VOCAB - 1), { maxLength: 40 })

describe('noRepeatNgram', () => {
  test('bars a token exactly if the history and it would end with a run that is in the history', () => {
    fc.assert(
      fc.property(anyHistory, fc.integer({ min: 1, max: 5 }), (history, n) => {
        const runs = new Set(history.map((_, at) => history.slice(at, at + n)).map(run => run.join()))
        const result = noRepeatNgram(n)(flat, history)
        for (let id = 0; id < VOCAB; id++) {
          const completed = [...history.slice(history.length - n + 1), id]
          const isRepeat = history.length >= n - 1 && runs.has((n === 1 ? [id] : completed).join())
          expect(result[id] === -Infinity, `${history} then ${id}`).toBe(isRepeat)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('dry', () => {
  const settings = { multiplier: 0.8, base: 1.75, allowedLength: 2 }

  /** By definition: try every length of a run for every earlier place of the token. */
  const byDefinition = (history: readonly number[], breakers: readonly number[]) =>
    Array.from(flat, (_, id) => {
      let longest = 0
      for (let at = 0; at < history.length; at++) {
        if (history[at] !== id) continue
        for (let length = 1; length <= Math.min(at, 50); length++) {
          const before = history.slice(at - length, at)
          const end = history.slice(history.length - length)
          if (before.join() === end.join() && !before.some(each => breakers.includes(each)))
            longest = Math.max(longest, length)
        }
      }
      const isPenalised = longest >= settings.allowedLength && !breakers.includes(id)
      return isPenalised ? Math.fround(-settings.multiplier * settings.base ** (longest - settings.allowedLength)) : 0
    })

  test('equals its definition', () => {
    fc.assert(
      fc.property(anyHistory, fc.uniqueArray(fc.nat(VOCAB - 1), { maxLength: 2 }), (history, breakers) => {
        const result = dry({ ...settings, breakers })(flat, history)
        expect([...result].map(value => value + 0)).toEqual(byDefinition(history, breakers).map(value => value + 0))
      }),
      { numRuns: 1_000 },
    )
  })

  test('of a run of any length is finite', () => {
    const result = dry({ ...settings, breakers: [] })(flat, new Array(5_000).fill(1))
    expect(result[1]).toBeCloseTo(-0.8 * 1.75 ** 48, -6)
  })
})
