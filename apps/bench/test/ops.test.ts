import { linear, linearAdd, listDevices, normLinear, openDevice, ops } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { expect, test } from 'vitest'
import { caseTitle, type OpCase, onRandom, titleOf } from '../src/ops/case'
import { opCases } from '../src/ops/cases'
import { costOf } from '../src/ops/cost'
import { timeImplementations } from '../src/ops/implementations'
import { random } from '../src/ops/inputs'
import { leastSeconds, resultOf } from '../src/ops/result'
import { timeCall } from '../src/ops/time'

const cases = opCases(['f32', 'q8_0'])

test('every op that moves memory has cases, and every case its own title', () => {
  const timed = ops.filter(({ alias }) => !alias).map(({ name }) => name)
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(timed.sort())
  expect(new Set(cases.map(titleOf)).size).toBe(cases.length)
})

test('a quantised weight costs as much arithmetic and fewer bytes', async () => {
  await using shapes = await openDevice('shape')
  const linear = (dtype: string) => costOf(cases.filter(({ name }) => name === `linear ${dtype}`)[0], shapes)
  expect(linear('q8_0').flops).toBe(2 * 2048 * 768)
  expect(linear('f32').flops).toBe(2 * 2048 * 768)
  expect(linear('f32').bytes).toBe(4 * (2048 * 768 + 768 + 2048))
  expect(linear('q8_0').bytes).toBe((2048 * 768 * 34) / 32 + 4 * (768 + 2048))
})

test('the ceiling is the slower of arithmetic and memory', () => {
  expect(leastSeconds({ flops: 100, bytes: 1 }, { f32: 10, read: 10, i8: 0 })).toBe(10)
  expect(leastSeconds({ flops: 1, bytes: 100 }, { f32: 10, read: 10, i8: 0 })).toBe(10)
})

test('results are rates and shares, round by round', () => {
  const costs = new Map([['add', { flops: 100, bytes: 400 }]])
  const ceilings = [
    { f32: 100, read: 200, i8: 0 },
    { f32: 100, read: 400, i8: 0 },
  ]
  const { ops: results } = resultOf('cpu', 'd', [{ add: 4 }, { add: 4 }], ceilings, costs)
  expect(results[0]).toMatchObject({ title: 'add', flopsPerSecond: 25, bytesPerSecond: 100 })
  expect(results[0].share.samples).toEqual([0.5, 0.25])
})

test('every case of one token runs on the cpu device, and leaves nothing behind', async () => {
  await using device = await openDevice('cpu')
  for (const one of opCases(['f32']).filter(({ tokens, op }) => tokens === 1 && op !== 'linear')) {
    using _scope = device.scope()
    expect(await timeCall(device, one.prepare(device)), titleOf(one)).toBeGreaterThan(0)
  }
  expect(device.memory.allocations).toBe(0)
})

const webgpu = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')

test.skipIf(!webgpu?.available)('on webgpu each implementation that fits has a row', { timeout: 300_000 }, async () => {
  await using device = await openDevice('webgpu')
  const small: readonly OpCase[] = [
    onRandom(
      'linearAdd',
      12,
      [
        [12, 64],
        [32, 64],
        [12, 32],
      ],
      linearAdd,
    ),
    onRandom('normLinear', 12, [[12, 64], [64], [32, 64]], (x, norm, weight) => normLinear(x, norm, weight, 1e-5)),
    {
      name: 'linear q8_0',
      op: 'linear',
      tokens: 1,
      prepare: on => {
        const [x, weight] = [random(on, [1, 64]), random(on, [32, 64], 'q8_0')]
        return () => linear(x, weight)
      },
    },
  ]
  const seconds = await timeImplementations(device, small)
  const rowsOf = (title: string) =>
    Object.keys(seconds)
      .filter(row => caseTitle(row) === title)
      .map(row => row.slice(title.length + 2))
  // Neither what is for a few rows fits, nor what is for quantised weights.
  const [linearAdds, linears] = [rowsOf('linearAdd, 12 tokens'), rowsOf('linear q8_0, 1 token')]
  expect(linearAdds).toEqual(expect.arrayContaining(['tiled', 'tiled 32x32', 'direct']))
  expect(linearAdds[0]).toBe(device.software ? 'direct' : 'tiled')
  expect(linearAdds.filter(name => !/^(tiled|direct)/.test(name) || /int8/.test(name))).toEqual([])
  expect(linears).toEqual(expect.arrayContaining(['few rows', 'few rows, outputs x2', 'tiled', 'tiled 32x32']))
  expect(linears).not.toContain('kernels')
  expect(rowsOf('normLinear, 12 tokens')).toEqual(['in parts'])
  expect(Math.min(...Object.values(seconds))).toBeGreaterThan(0)
})
