import { add, argMax, type Device, openDevice, scale, Tensor } from '@cria/tensor'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { firstNonFinite } from './diagnose'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

/** Runs `scale` by 1, then `add` to itself, then `argMax`. */
const found = (values: number[]) =>
  firstNonFinite(device, () => {
    using _scope = device.scope()
    const same = scale(device.tensor(Float32Array.from(values), [1, values.length]), 1)
    argMax(add(same, same))
  })

test.each<[string, number[], string | undefined]>([
  ['finite numbers', [1, -3e38 / 2, 0], undefined],
  ['NaN beside finite numbers', [1, Number.NaN, 2], 'scale'],
  ['an infinity, the last', [1, 2, -Infinity], 'scale'],
  ['a sum that overflows', [1, 3e38, 2], 'add'],
])('%s', async (_, values, op) => {
  expect(await found(values)).toBe(op)
})

test('only numbers that may be infinite are read, and only of this work', async () => {
  const read = vi.spyOn(Tensor.prototype, 'read')
  try {
    await found([1])
    expect(read.mock.contexts.map(tensor => (tensor as Tensor).dtype)).toEqual(['f32', 'f32'])
    using x = device.tensor(Float32Array.of(Number.NaN), [1])
    scale(x, 1).dispose()
    expect(read).toHaveBeenCalledTimes(2)
  } finally {
    read.mockRestore()
  }
})
