import { expect, test } from 'vitest'
import { llama3Scaling, ropeFactors } from '../../src/checkpoint/rope-factors'

const llama31 = {
  type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_seq_len: 8192,
} as const
const rotary = { headDim: 128, theta: 500_000 }

test('factors are those of llama.cpp’s converter', () => {
  // convert_hf_to_gguf.py's loop, for Llama 3.1 8B.
  const factors = ropeFactors(llama31, rotary)
  for (let i = 0; i < 64; i++) {
    const wavelength = 2 * Math.PI * rotary.theta ** ((2 * i) / 128)
    let expected = 1
    if (wavelength > 8192) expected = 8
    else if (wavelength >= 2048) {
      const smooth = (8192 / wavelength - 1) / 3
      expected = 1 / ((1 - smooth) / 8 + smooth)
    }
    expect(factors[i]).toBeCloseTo(expected, 5)
  }
  expect([factors[0], factors[63]]).toEqual([1, 8])
})

test.each([
  ['Llama 3.1', llama31, rotary],
  ['Llama 3.2', { ...llama31, factor: 32 }, { headDim: 64, theta: 500_000 }],
  ['a tiny model', { ...llama31, factor: 4, original_max_seq_len: 16 }, { headDim: 64, theta: 10_000 }],
])('the settings of %s come back from their factors', (_, scaling, rotary) => {
  expect(llama3Scaling(ropeFactors(scaling, rotary), rotary)).toEqual(scaling)
})

test('other limits are solved for, and give the same factors', () => {
  const unusual = { ...llama31, low_freq_factor: 1.7, high_freq_factor: 9.3, original_max_seq_len: 5000 }
  const factors = ropeFactors(unusual, rotary)
  const found = llama3Scaling(factors, rotary)
  if (!found) return expect.fail('no settings')
  const again = ropeFactors(found, rotary)
  factors.forEach((factor, i) => {
    expect(again[i] / factor).toBeCloseTo(1, 4)
  })
})

test('factors that no such scaling has are not taken for one', () => {
  const factors = ropeFactors(llama31, rotary)
  expect(llama3Scaling(factors.slice().reverse(), rotary)).toBeUndefined()
  expect(
    llama3Scaling(
      factors.map(() => Number.NaN),
      rotary,
    ),
  ).toBeUndefined()
  expect(
    llama3Scaling(
      Float32Array.from(factors, (factor, i) => (i === 40 ? 3 : factor)),
      rotary,
    ),
  ).toBeUndefined()
})
