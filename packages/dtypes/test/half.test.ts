import { expect, test } from 'vitest'
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../src/index'

/** A half from its definition (IEEE 754-2019, section 3.4). */
const definition = (half: number) => {
  const sign = (-1) ** (half >> 15)
  const exponent = (half >> 10) & 31
  const fraction = (half & 1023) / 1024
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction) : sign * 2 ** -14 * fraction
}

test('every half is the number that its definition gives', () => {
  for (let half = 0; half < 65536; half++) {
    if (!Object.is(halfToFloat(half), definition(half))) expect.fail(`0x${half.toString(16)}: ${halfToFloat(half)}`)
  }
})

test('every finite half comes back from its number', () => {
  for (let half = 0; half < 65536; half++) {
    if ((half & 0x7c00) === 0x7c00 && half & 0x3ff) continue
    if (floatToHalf(halfToFloat(half)) !== half) expect.fail(`0x${half.toString(16)} does not`)
  }
})

test('a number becomes the nearest half, ties to even', () => {
  for (let half = 0; half < 0x7bff; half++) {
    const [low, high] = [definition(half), definition(half + 1)]
    const middle = (low + high) / 2
    const quarter = (high - low) / 4
    const found = [floatToHalf(middle), floatToHalf(middle - quarter), floatToHalf(-middle - quarter)]
    const expected = [half + (half % 2), half, 0x8000 | (half + 1)]
    if (`${found}` !== `${expected}`) expect.fail(`after 0x${half.toString(16)}: ${found}, expected ${expected}`)
  }
  expect(floatToHalf(65519.99)).toBe(0x7bff)
  expect(floatToHalf(65520)).toBe(0x7c00)
  expect(halfToFloat(floatToHalf(Number.NaN))).toBeNaN()
})

test('a number becomes the nearest bfloat16, ties to even', () => {
  expect(bfloatToFloat(0x3f80)).toBe(1)
  expect(bfloatToFloat(0xc2f7)).toBe(-123.5)
  const step = 2 ** -7
  expect(floatToBfloat(1 + step / 2)).toBe(0x3f80)
  expect(floatToBfloat(1 + step * 1.5)).toBe(0x3f82)
  expect(floatToBfloat(-(1 + step * 0.75))).toBe(0xbf81)
  expect(floatToBfloat(3.4028234663852886e38)).toBe(0x7f80)
  for (const value of [Infinity, -Infinity, Number.NaN, 0]) expect(bfloatToFloat(floatToBfloat(value))).toEqual(value)
  // A NaN whose payload is all in the lower half stays a NaN.
  const bits = new Float32Array(Uint32Array.of(0x7f800001).buffer)[0]
  expect(bfloatToFloat(floatToBfloat(bits))).toBeNaN()
})
