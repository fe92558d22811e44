import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { blockElements, byteLength, type DType, type WeightDType } from '../dtypes'
import { decoders } from './decode'
import { encoders } from './encode'
import { halfToNumber, numberToHalf } from './half'

/** Blocks and values by llama.cpp's `gguf` package: see tooling/referee/checkpoint. */
const fixture: {
  decoded: Record<string, { bytes: string; values: string }>
  encoded: Record<string, string>
} = JSON.parse(readFileSync(new URL('../../test/fixtures/quantisation.json', import.meta.url), 'utf8'))

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
const floats = (base64: string) => new Float32Array(bytes(base64).buffer)

test.each(Object.keys(fixture.decoded) as DType[])('%s dequantises bit for bit as llama.cpp does', dtype => {
  const { bytes: blocks, values } = fixture.decoded[dtype]
  const expected = floats(values)
  const out = new Float32Array(expected.length + 2).fill(7)
  decoders[dtype](bytes(blocks), 0, expected.length, out, 1)
  const actual = out.subarray(1, -1)
  expect(Buffer.compare(new Uint8Array(actual.slice().buffer), bytes(values))).toBe(0)
  expect([out[0], out[out.length - 1]]).toEqual([7, 7])
})

test.each(Object.keys(fixture.decoded) as DType[])('%s decodes from the middle of a tensor', dtype => {
  const { bytes: blocks, values } = fixture.decoded[dtype]
  const block = blockElements(dtype)
  const out = new Float32Array(block)
  decoders[dtype](bytes(blocks), byteLength(dtype, 2 * block), block, out, 0)
  expect(out).toEqual(floats(values).slice(2 * block, 3 * block))
})

test.each(['f16', 'q8_0', 'q4_0'] as WeightDType[])('%s quantises bit for bit as llama.cpp does', dtype => {
  const values = floats(fixture.encoded.values)
  const out = new Uint8Array(byteLength(dtype, values.length))
  expect(encoders[dtype](values, 0, values.length, out, 0)).toBeUndefined()
  expect(Buffer.compare(out, bytes(fixture.encoded[dtype]))).toBe(0)
})

test('every finite half comes back from the number that it is', () => {
  for (let half = 0; half < 65536; half++) {
    if ((half & 0x7c00) === 0x7c00 && half & 0x3ff) continue
    if (numberToHalf(halfToNumber(half)) !== half) expect.fail(`0x${half.toString(16)} does not`)
  }
})

test('a number becomes the nearest half, ties to even', () => {
  const positive = Array.from({ length: 0x7bff }, (_, half) => half)
  for (const half of positive) {
    const [low, high] = [halfToNumber(half), halfToNumber(half + 1)]
    const middle = (low + high) / 2
    const even = half % 2 === 0 ? half : half + 1
    const quarter = (high - low) / 4
    const found = [numberToHalf(middle), numberToHalf(middle - quarter), numberToHalf(-middle - quarter)]
    const expected = [even, half, 0x8000 | (half + 1)]
    if (`${found}` !== `${expected}`)
      expect.fail(`between 0x${half.toString(16)} and the next: ${found}, not ${expected}`)
  }
  expect(numberToHalf(65519.99)).toBe(0x7bff)
  expect(numberToHalf(65520)).toBe(0x7c00)
  expect(halfToNumber(numberToHalf(Number.NaN))).toBeNaN()
})

test.each(['f16', 'q8_0', 'q4_0'] as WeightDType[])('%s says which value it cannot hold', dtype => {
  const values = new Float32Array(64)
  values[40] = -1e9
  const out = new Uint8Array(byteLength(dtype, 64))
  expect(Math.abs(encoders[dtype](values, 0, 64, out, 0) ?? 0)).toBe(1e9)
})

test.each(['q8_0', 'q4_0'] as WeightDType[])('%s has no block for what is not finite', dtype => {
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    const values = new Float32Array(64).fill(1)
    values[40] = value
    const lost = encoders[dtype](values, 0, 64, new Uint8Array(byteLength(dtype, 64)), 0)
    expect(lost).not.toBeUndefined()
    expect(Number.isFinite(lost)).toBe(false)
  }
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
    for (const [from, source] of [
      [0, stored],
      [1, shifted],
    ] as const) {
      const out = new Float32Array(4)
      decoders[dtype](source, from, 4, out, 0)
      expect([...out], dtype).toEqual(numbers)
    }
  }
  const whole = new Float32Array(3)
  decoders.i64(new Uint8Array(BigInt64Array.of(-5n, 0n, 7n).buffer), 0, 3, whole, 0)
  expect([...whole]).toEqual([-5, 0, 7])
})
