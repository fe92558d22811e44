import { openDevice } from '@cria/tensor'
import { Random } from '@cria/vitest/random'
import { describe, expect, test } from 'vitest'
import { initialise, LayerNorm, Linear, Module, Parameter, ParameterError, RmsNorm, SwiGlu } from '../src'
import { device, initialised } from './device'

class Block extends Module {
  readonly norm = new LayerNorm(4)
  readonly feed_forward = new SwiGlu(4, 6)
}

class Tower extends Module {
  readonly blocks = [new Block(), new Block()]
  readonly name = 'fields that are not layers are skipped'
  readonly none = undefined
  readonly scale = new Parameter([2, 3])
}

test('parameters are found by their paths', () => {
  expect([...new Tower().parameters()].map(([path]) => path)).toEqual([
    'blocks.0.norm.weight',
    'blocks.0.norm.bias',
    'blocks.0.feed_forward.w1.weight',
    'blocks.0.feed_forward.w2.weight',
    'blocks.0.feed_forward.w3.weight',
    'blocks.1.norm.weight',
    'blocks.1.norm.bias',
    'blocks.1.feed_forward.w1.weight',
    'blocks.1.feed_forward.w2.weight',
    'blocks.1.feed_forward.w3.weight',
    'scale',
  ])
  expect(new Tower().parameterCount).toBe(2 * (4 + 4 + 3 * 24) + 6)
})

describe('a parameter', () => {
  test('has no values before it is loaded, nor after it is disposed of', () => {
    const parameter = new Parameter([2])
    expect(() => parameter.tensor).toThrow(ParameterError)
    parameter.load(device.tensor([1, 2], [2]))
    expect(parameter.tensor.shape).toEqual([2])
    parameter.dispose()
    expect(() => parameter.tensor).toThrow('a parameter [2] has no values')
  })

  test('takes the tensor over, and frees the one before', () => {
    const parameter = new Parameter([2])
    const [first, second] = [device.tensor([1, 2], [2]), device.tensor([3, 4], [2])]
    parameter.load(first)
    parameter.load(second)
    expect(first.disposed).toBe(true)
    expect(parameter.tensor).toBe(second)
    parameter.dispose()
    expect(second.disposed).toBe(true)
  })

  test('outlives the scope in which it was loaded', () => {
    const parameter = new Parameter([2])
    {
      using _scope = device.scope()
      parameter.load(device.tensor([1, 2], [2]))
    }
    expect(parameter.tensor.disposed).toBe(false)
    parameter.dispose()
  })

  test('may be loaded with what it holds', () => {
    const parameter = new Parameter([2])
    parameter.load(device.tensor([1, 2], [2]))
    parameter.load(parameter.tensor)
    expect(parameter.tensor.disposed).toBe(false)
    parameter.dispose()
  })

  test('begins with drawn values, unless it is told otherwise', () => {
    expect(new Parameter([2]).initialisation).toBe('normal')
  })

  test('refuses another shape', () => {
    using other = device.tensor([1, 2], [1, 2])
    expect(() => new Parameter([2]).load(other)).toThrow('a parameter [2] was given a tensor [1,2]')
  })
})

describe('initialise', () => {
  const valuesOf = async (module: Module) => {
    const values: Record<string, number[]> = {}
    for (const [path, { tensor }] of module.parameters()) values[path] = [...(await tensor.read())]
    return values
  }

  test('draws the same values from the same seed, and different ones from a different seed', async () => {
    const [a, b, c] = [1, 1, 2].map(seed => initialised(new Tower(), { seed }))
    expect(await valuesOf(a)).toEqual(await valuesOf(b))
    expect((await valuesOf(c)).scale).not.toEqual((await valuesOf(a)).scale)
    for (const module of [a, b, c]) module.dispose()
  })

  test('starts norms at one and zero', async () => {
    using module = initialised(new Block())
    const values = await valuesOf(module)
    expect(values['norm.weight']).toEqual([1, 1, 1, 1])
    expect(values['norm.bias']).toEqual([0, 0, 0, 0])
  })

  test('draws from a normal distribution of the deviation', async () => {
    using module = initialised(new Linear(200, 200), { seed: 5, deviation: 0.5 })
    const { weight } = await valuesOf(module)
    const moment = (power: number) => weight.reduce((sum, value) => sum + (value / 0.5) ** power, 0) / weight.length
    expect(Math.abs(moment(1))).toBeLessThan(0.02)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.25)
  })

  test('draws the numbers of Box and Muller over mulberry32, scaled by the path of the parameter', async () => {
    using module = new Tower()
    initialise(module, device, { seed: 3, deviation: 0.5, scale: path => (path === 'scale' ? 4 : 1) })
    const random = new Random(3)
    const values = await valuesOf(module)
    const drawn = Object.keys(values).filter(path => !path.includes('norm'))
    for (const path of drawn) {
      const factor = path === 'scale' ? 2 : 0.5
      expect(values[path]).toEqual(values[path].map(() => expect.closeTo(factor * random.gaussian(), 5)))
    }
    expect(drawn).toHaveLength(7)
  })

  test('is undone by dispose, also at the end of a block', () => {
    const before = device.memory.allocations
    initialised(new Tower()).dispose()
    {
      using _module = initialised(new Tower())
      expect(device.memory.allocations).toBeGreaterThan(before)
    }
    expect(device.memory.allocations).toBe(before)
  })

  test('need not have happened before a module is disposed of', () => {
    expect(() => new Tower().dispose()).not.toThrow()
  })

  test('allocates nothing on the shape device', async () => {
    await using shapes = await openDevice('shape')
    using module = new Linear(2 ** 20, 2 ** 20)
    initialise(module, shapes)
    expect(module.weight.tensor.shape).toEqual([2 ** 20, 2 ** 20])
  })
})

test('eps of a norm is its own', () => {
  expect(new RmsNorm(4, 1e-6).eps).toBe(1e-6)
  expect(new LayerNorm(4).eps).toBe(1e-5)
})
