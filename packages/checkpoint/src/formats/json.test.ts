import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJsonObject } from './json'

const parse = (text: string) => parseJsonObject(new TextEncoder().encode(text), { file: 'x.json' })

test('an object is parsed as by JSON.parse, whatever its strings contain', () => {
  const hard = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ':', ',', ' ', 'a', '\n', 'é') })
  const value = fc.oneof(hard, fc.integer(), fc.array(hard), fc.dictionary(hard, hard))
  fc.assert(
    fc.property(fc.dictionary(hard, value), fc.constantFrom(0, 2), (object, indent) => {
      const text = JSON.stringify(object, null, indent)
      expect(parse(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('a key that an object has twice is found at any depth, however it is written', () => {
  for (const text of ['{"a":1,"a":2}', '{"x":[{"a":1,"\\u0061":2}]}', '{"a" :{"b":1},"c":"a","a"\n:2}']) {
    expect(() => parse(text)).toThrow(/key "a" twice/)
  }
  expect(parse('{"a":{"a":{"a":"a"}},"b":{"a":1}}')).toBeTruthy()
})

test('other values than objects, and deep ones, are refused', () => {
  for (const text of ['[]', '1', 'null', '"a"']) expect(() => parse(text)).toThrow(/not an object/)
  expect(() => parse(`{"a":${'['.repeat(70)}${']'.repeat(70)}}`)).toThrow(/nested more than 64 deep/)
})
