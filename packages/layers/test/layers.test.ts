import { add, ShapeError, type Tensor } from '@cria/tensor'
import { describe, expect, test } from 'vitest'
import {
  ConfigError,
  checkTokenIds,
  Embedding,
  FeedForward,
  LayerNorm,
  Linear,
  ParameterError,
  RmsNorm,
  SwiGlu,
  swiGluWidth,
  TokenIdsError,
} from '../src'
import { device, numbers, randomise, relativeError, runRows, times } from './device'

const rows = [numbers(6, 3), numbers(6, 4), numbers(6, 5)]

/** Hendrycks and Gimpel 2016, section 2. */
const gelu = (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
const silu = (x: number) => x / (1 + Math.exp(-x))
const activations = { gelu, relu: (x: number) => Math.max(x, 0) }
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('Linear is x · weightᵀ', async () => {
  using layer = new Linear(6, 4)
  const { weight } = randomise(layer)
  const expected = rows.map(row => times(weight, row))
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
})

test('SwiGlu is w2(silu(w1 x) ⊙ w3 x)', async () => {
  using layer = new SwiGlu(6, 10)
  const weights = randomise(layer)
  const expected = rows.map(row => {
    const gate = times(weights['w1.weight'], row)
    const up = times(weights['w3.weight'], row)
    return times(
      weights['w2.weight'],
      gate.map((value, i) => silu(value) * up[i]),
    )
  })
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
})

/** A norm and a layer that compute something else than their weights say, as an adapter does. */
class DoubledNorm extends RmsNorm {
  override forward(x: Tensor): Tensor {
    using y = super.forward(x)
    return add(y, y)
  }
}
class DoubledLinear extends Linear {
  override forward(x: Tensor): Tensor {
    using y = super.forward(x)
    return add(y, y)
  }
}

describe('SwiGlu with the norm before it and the residual after it', () => {
  const residual = [numbers(6, 6), numbers(6, 7), numbers(6, 8)]

  test.each<[string, SwiGlu, RmsNorm, { readonly norm?: number; readonly gate?: number }]>([
    ['plain layers', new SwiGlu(6, 10), new RmsNorm(6, 0.5), {}],
    ['biases', new SwiGlu(6, 10, { bias: true }), new RmsNorm(6, 0.5), {}],
    ['a norm of its own', new SwiGlu(6, 10), new DoubledNorm(6, 0.5), { norm: 2 }],
    [
      'a gate of its own',
      Object.assign(new SwiGlu(6, 10), { w1: new DoubledLinear(6, 10) }),
      new RmsNorm(6, 0.5),
      { gate: 2 },
    ],
  ])('of %s computes all three', async (_, layer, norm, { norm: normFactor = 1, gate: gateFactor = 1 }) => {
    const weights = randomise(layer)
    const { weight: scale } = randomise(norm)
    const product = (name: string, row: readonly number[]) =>
      times(weights[`${name}.weight`], row).map((value, i) => value + (weights[`${name}.bias`]?.[i] ?? 0))
    const expected = rows.map((row, at) => {
      const rms = Math.sqrt(mean(row.map(value => value ** 2)) + 0.5)
      const normal = row.map((value, i) => normFactor * (value / rms) * scale[i])
      const up = product('w3', normal)
      const hidden = product('w1', normal).map((value, i) => silu(gateFactor * value) * up[i])
      return product('w2', hidden).map((value, i) => value + residual[at][i])
    })
    using added = device.tensor(residual.flat(), [1, 3, 6])
    const found = await runRows({ forward: x => layer.forward(x, { norm, residual: added }) }, rows)
    expect(relativeError(found, expected)).toBeLessThan(1e-6)
  })
})

test('FeedForward has GELU unless it is told otherwise', () => {
  expect(new FeedForward(6, 10).activation).toBe('gelu')
})

test.each(['gelu', 'relu'] as const)('FeedForward with %s is w2(activation(w1 x))', async activation => {
  using layer = new FeedForward(6, 10, activation)
  const weights = randomise(layer)
  const expected = rows.map(row =>
    times(weights['w2.weight'], times(weights['w1.weight'], row).map(activations[activation])),
  )
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
})

test.each([1e-5, 0.5])('RmsNorm divides by the root mean square, eps %d in it', async eps => {
  using layer = new RmsNorm(6, eps)
  const { weight } = randomise(layer)
  const expected = rows.map(row => {
    const rms = Math.sqrt(mean(row.map(value => value ** 2)) + eps)
    return row.map((value, i) => (value / rms) * weight[i])
  })
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
})

test.each([1e-5, 0.5])('LayerNorm centres, divides by the deviation, scales and shifts, eps %d in it', async eps => {
  using layer = new LayerNorm(6, eps)
  const { weight, bias } = randomise(layer)
  const expected = rows.map(row => {
    const centred = row.map(value => value - mean(row))
    const deviation = Math.sqrt(mean(centred.map(value => value ** 2)) + eps)
    return centred.map((value, i) => (value / deviation) * weight[i] + bias[i])
  })
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
})

test('norms begin at one and zero: RmsNorm keeps the direction, LayerNorm subtracts the mean too', async () => {
  using rms = new RmsNorm(2, 0)
  rms.weight.load(device.tensor([1, 1], [2]))
  expect((await runRows(rms, [[3, 3]]))[0]).toEqual([1, 1])
  expect(new RmsNorm(2).weight.initialisation).toBe('ones')
  expect([...new LayerNorm(2).parameters()].map(([path, { initialisation }]) => [path, initialisation])).toEqual([
    ['weight', 'ones'],
    ['bias', 'zeros'],
  ])
})

test('a width that does not fit is refused', async () => {
  using layer = new Linear(5, 4)
  randomise(layer)
  await expect(runRows(layer, rows)).rejects.toThrow(ShapeError)
})

test('the width of SwiGLU is two thirds of 4·dim, scaled, then rounded up', () => {
  expect(swiGluWidth(4096, 256)).toBe(11008)
  expect(swiGluWidth(5120, 256)).toBe(13824)
  expect(swiGluWidth(6656, 256)).toBe(17920)
  expect(swiGluWidth(8192, 256)).toBe(22016)
  expect(swiGluWidth(8192, 4096, 1.3)).toBe(28672)
  expect(swiGluWidth(64, 1)).toBe(170)
})

describe('Embedding', () => {
  const layer = new Embedding(5, 3)
  const { weight } = randomise(layer)
  const row = (id: number) => weight.slice(3 * id, 3 * id + 3)

  test('gives a row for each id', async () => {
    using ids = device.tensor(Int32Array.of(4, 0, 4), [3])
    using y = layer.forward(ids)
    expect(y.shape).toEqual([3, 3])
    expect([...(await y.read())]).toEqual([row(4), row(0), row(4)].flat())
  })
})

describe('ids', () => {
  test.each([
    ['an array', [4, 0, 4]],
    ['a typed array', Uint32Array.of(4, 0, 4)],
  ])('of %s are copied', (_, ids) => {
    expect(checkTokenIds(ids, 5)).toEqual(Int32Array.of(4, 0, 4))
  })

  test.each([
    ['no id', [], 'at least one token id'],
    ['an id past the vocabulary', [5], 'token id 5 is not in this vocabulary of 5'],
    ['a negative id', [-1], 'token id -1'],
    ['a fraction', [1.5], 'token id 1.5'],
    ['NaN', [NaN], 'token id NaN'],
  ])('%s is refused', (_, ids, message) => {
    expect(() => checkTokenIds(ids, 5)).toThrow(TokenIdsError)
    expect(() => checkTokenIds(ids, 5)).toThrow(message)
  })
})

test('a bias is added where a layer has one', async () => {
  using layer = new Linear(6, 4, { bias: true })
  const { weight, bias } = randomise(layer)
  const expected = rows.map(row => times(weight, row).map((value, i) => value + bias[i]))
  expect(relativeError(await runRows(layer, rows), expected)).toBeLessThan(1e-6)
  expect([...new SwiGlu(6, 10, { bias: true }).parameters()].map(([path]) => path)).toContain('w2.bias')
})

test('a bias begins at zero', () => {
  expect(new Linear(6, 4, { bias: true }).bias?.initialisation).toBe('zeros')
})

test.each([false, true])('a residual is added to the result, bias: %s', async bias => {
  using layer = new Linear(6, 4, { bias })
  const weights = randomise(layer)
  const residual = [numbers(4, 6), numbers(4, 7), numbers(4, 8)]
  const expected = rows.map((row, at) =>
    times(weights.weight, row).map((value, i) => value + (weights.bias?.[i] ?? 0) + residual[at][i]),
  )
  using added = device.tensor(residual.flat(), [1, 3, 4])
  const found = await runRows({ forward: x => layer.forward(x, added) }, rows)
  expect(relativeError(found, expected)).toBeLessThan(1e-6)
})

test('the weight of a layer or norm is plain only if nothing is added to the product', () => {
  const [plain, biased] = [new Linear(6, 4), new Linear(6, 4, { bias: true })]
  const [norm, own] = [new RmsNorm(6), new DoubledNorm(6)]
  for (const layer of [plain, biased, norm, own]) randomise(layer)
  expect(plain.plainWeight).toBe(plain.weight.tensor)
  expect(biased.plainWeight).toBeUndefined()
  expect(new DoubledLinear(6, 4).plainWeight).toBeUndefined()
  expect(norm.plainWeight).toBe(norm.weight.tensor)
  expect(own.plainWeight).toBeUndefined()
})

test('errors have stable names', () => {
  expect([new ConfigError('x'), new ParameterError('x'), new TokenIdsError('x')].map(({ name }) => name)).toEqual([
    'ConfigError',
    'ParameterError',
    'TokenIdsError',
  ])
})
