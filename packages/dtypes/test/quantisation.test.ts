import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { byteLength, type DType, decode, dtypes, type EncodableDType, EncodingError, encode } from '../src/index'

/** Blocks and values by llama.cpp's `gguf` package: see tooling/referee/dtypes. */
const fixture: {
  decoded: Record<string, { bytes: string; values: string }>
  encoded: Record<string, string>
} = JSON.parse(readFileSync(new URL('./fixtures/quantisation.json', import.meta.url), 'utf8'))

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
const floats = (base64: string) => new Float32Array(bytes(base64).buffer)
const blockTypes = Object.keys(fixture.decoded) as DType[]

test('the fixture has every block type', () => {
  expect(blockTypes.toSorted()).toEqual(
    Object.keys(dtypes)
      .filter(name => dtypes[name as DType].kind === 'block')
      .sort(),
  )
})

test.each(blockTypes)('%s decodes bit for bit as the gguf package does, and writes nothing outside', dtype => {
  const { bytes: blocks, values } = fixture.decoded[dtype]
  const expected = floats(values)
  const out = new Float32Array(expected.length + 2).fill(7)
  decode(dtype, bytes(blocks), out.subarray(1, -1))
  expect(Buffer.compare(new Uint8Array(out.slice(1, -1).buffer), bytes(values))).toBe(0)
  expect([out[0], out[out.length - 1]]).toEqual([7, 7])
})

test.each(blockTypes)('%s decodes one block from the middle of others', dtype => {
  const { bytes: blocks, values } = fixture.decoded[dtype]
  const { blockElements, blockBytes } = dtypes[dtype]
  const out = new Float32Array(blockElements)
  decode(dtype, bytes(blocks).subarray(2 * blockBytes, 3 * blockBytes), out)
  expect(out).toEqual(floats(values).slice(2 * blockElements, 3 * blockElements))
})

const { values: encodedValues, ...encodings } = fixture.encoded

test.each(Object.entries(encodings))('%s encodes bit for bit as the gguf package does', (dtype, expected) => {
  expect(Buffer.compare(encode(dtype as EncodableDType, floats(encodedValues)), bytes(expected))).toBe(0)
})

test.each(['f16', 'bf16', 'q8_0', 'q4_0'] as const)('%s names a value that it cannot hold', dtype => {
  const values = new Float32Array(64)
  values[40] = -3.4028234663852886e38
  const attempt = () => encode(dtype, values)
  expect(attempt).toThrow(EncodingError)
  expect(attempt).toThrow(new RegExp(`^${dtype} cannot hold -?3.4028234663852886e\\+38.*; use f32$`))
})

test.each(['q8_0', 'q4_0'] as const)('%s has no block for values that are not finite', dtype => {
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    const values = new Float32Array(64).fill(1)
    values[40] = value
    expect(() => encode(dtype, values)).toThrow(EncodingError)
  }
})

test.each(['f16', 'bf16'] as const)('%s keeps infinities and NaN', dtype => {
  const out = new Float32Array(3)
  decode(dtype, encode(dtype, Float32Array.of(Infinity, -Infinity, Number.NaN)), out)
  expect([...out]).toEqual([Infinity, -Infinity, Number.NaN])
})

test('plain types decode, aligned or not', () => {
  const numbers = [1, -2, 0.5, -128]
  const cases: [DType, Uint8Array][] = [
    ['f64', new Uint8Array(Float64Array.from(numbers).buffer)],
    ['f32', new Uint8Array(Float32Array.from(numbers).buffer)],
    ['bf16', new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0xc300).buffer)],
    ['f16', new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3800, 0xd800).buffer)],
  ]
  for (const [dtype, stored] of cases) {
    const shifted = new Uint8Array(stored.length + 1)
    shifted.set(stored, 1)
    for (const source of [stored, shifted.subarray(1)]) {
      const out = new Float32Array(4)
      decode(dtype, source, out)
      expect([...out], dtype).toEqual(numbers)
    }
  }
})

test.each([
  ['i64', BigInt64Array.of(-5n, 0n, 7n), [-5, 0, 7]],
  ['u64', BigUint64Array.of(5n, 0n, 7n), [5, 0, 7]],
  ['i32', Int32Array.of(-70000, 1), [-70000, 1]],
  ['u32', Uint32Array.of(3e9, 1), [3e9, 1]],
  ['i16', Int16Array.of(-300, 1), [-300, 1]],
  ['u16', Uint16Array.of(65535, 1), [65535, 1]],
  ['i8', Int8Array.of(-3, 1), [-3, 1]],
  ['u8', Uint8Array.of(255, 1), [255, 1]],
  ['bool', Uint8Array.of(0, 1), [0, 1]],
] as const)('%s decodes to numbers', (dtype, stored, expected) => {
  const out = new Float32Array(expected.length)
  decode(dtype, new Uint8Array(stored.buffer), out)
  expect([...out]).toEqual(expected)
})

test('lengths that do not match are refused before anything is read or written', () => {
  expect(() => decode('q8_0', new Uint8Array(34), new Float32Array(64))).toThrow(/34 bytes of q8_0 do not hold 64/)
  expect(() => decode('q8_0', new Uint8Array(17), new Float32Array(16))).toThrow(RangeError)
  expect(() => encode('q4_0', new Float32Array(33))).toThrow(/whole blocks of 32/)
  expect(() => encode('f32', new Float32Array(2), new Uint8Array(4))).toThrow(RangeError)
  expect(byteLength('q6_k', 512)).toBe(420)
})
