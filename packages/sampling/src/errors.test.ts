import { expect, test } from 'vitest'
import { LogitsError, OptionError, PromptError, SessionError } from './index'

test.each<[unknown, string]>([
  ['a'.repeat(80), `"${'a'.repeat(80)}"`],
  ['a'.repeat(81), `"${'a'.repeat(80)}…"`],
  [[1, 'b', [2]], '[1, "b", [2]]'],
  [[1, 2, 3, 4, 5, 6, 7, 8], '[1, 2, 3, 4, 5, 6, 7, 8]'],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], '[1, 2, 3, 4, 5, 6, 7, 8, … (9 items)]'],
  [/a+b/i, '/a+b/i'],
  [new RegExp('a'.repeat(99)), `/${'a'.repeat(79)}…`],
  [{ a: 1 }, '[object Object]'],
  [new Map(), '[object Map]'],
  [null, '[object Null]'],
  [Symbol('x'), 'Symbol(x)'],
  [-1.5, '-1.5'],
])('an OptionError shows %s in short', (value, shown) => {
  const error = new OptionError('seed', value, 'a seed')
  expect(error.message).toBe(`option seed is ${shown}: expected a seed`)
  expect(error).toMatchObject({ option: 'seed', value, expected: 'a seed' })
})

test('errors have stable names', () => {
  const errors = [new LogitsError(), new OptionError('seed', 1, 'a seed'), new PromptError(), new SessionError()]
  expect(errors.map(({ name }) => name)).toEqual(['LogitsError', 'OptionError', 'PromptError', 'SessionError'])
})
