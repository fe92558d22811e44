import { add, type Device, openDevice, scale, type Tensor } from '@cria/tensor'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { config, counting, tinyModel, weightsOf } from '../test/tiny'
import {
  NonFiniteError,
  type Optimizer,
  ResumeError,
  Trainer,
  TrainingConfigError,
  type TrainingData,
  TrainingDataError,
  type TrainingStep,
  train,
  warmupCosine,
} from '.'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

const options = {
  data: counting,
  schedule: warmupCosine({ learningRate: 0.02, warmupSteps: 2, steps: 40 }),
  batchTokens: 4 * config.max_seq_len,
}

test('steps tell what they did, and the loss falls', async () => {
  using model = tinyModel(device)
  const steps: TrainingStep[] = []
  for await (const step of train(model, { ...options, steps: 40 })) steps.push(step)
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  expect(steps[0]).toMatchObject({ tokens: 48, sourceRows: [2, 2], learningRate: 0.01 })
  expect(steps[39].loss).toBeLessThan(0.5 * steps[0].loss)
})

test('the loss of one batch goes to near zero', async () => {
  using model = tinyModel(device)
  const data: TrainingData = { ...counting, row: n => counting.row(n % 2) }
  const schedule = warmupCosine({ learningRate: 0.02, warmupSteps: 5, steps: 120 })
  let last = Infinity
  for await (const { loss } of train(model, { data, schedule, batchTokens: 24, steps: 120 })) last = loss
  expect(last).toBeLessThan(0.05)
})

test('a run that is resumed from its state gives the weights of one that was not stopped', async () => {
  using whole = tinyModel(device)
  for await (const _ of train(whole, { ...options, steps: 12 }));
  using first = tinyModel(device)
  using trainer = new Trainer(first, options)
  for await (const _ of trainer.steps({ until: 5 }));
  const state = await trainer.state()
  expect(state).toMatchObject({ step: 5, row: 20 })
  expect([...state.optimizer.keys()]).toEqual(['m', 'v'])
  using second = tinyModel(device, 99)
  using resumed = new Trainer(second, { ...options, state })
  for await (const _ of resumed.steps({ until: 12 }));
  expect(await weightsOf(second)).toEqual(await weightsOf(whole))
})

test('a state of another model is refused', async () => {
  using model = tinyModel(device)
  using trainer = new Trainer(model, options)
  const state = await trainer.state()
  using wider = tinyModel(device, 1, { hidden_dim: 32 })
  expect(() => new Trainer(wider, { ...options, state })).toThrow(ResumeError)
  expect(() => new Trainer(wider, { ...options, state })).toThrow('layers.0.feed_forward.w1.weight')
  expect(() => new Trainer(model, { ...options, state: { ...state, optimizer: new Map() } })).toThrow(ResumeError)
})

test('passes of fewer tokens give the same steps', async () => {
  const losses: number[][] = []
  for (const passTokens of [48, 24, 12]) {
    using model = tinyModel(device)
    const pack = vi.spyOn(model, 'pack')
    const found: number[] = []
    for await (const { loss } of train(model, { ...options, passTokens, steps: 3 })) found.push(loss)
    losses.push(found)
    expect(pack.mock.calls.map(([ids]) => ids.length)).toEqual(Array(3 * (48 / passTokens)).fill(passTokens))
  }
  for (const found of losses.slice(1))
    for (const [i, loss] of found.entries()) expect(loss).toBeCloseTo(losses[0][i], 5)
})

test('computing layers again for their gradients gives the same steps', async () => {
  const found: Record<string, number[]>[] = []
  for (const recompute of [false, true]) {
    using model = tinyModel(device)
    model.recompute = recompute
    for await (const _ of train(model, { ...options, steps: 3 }));
    found.push(await weightsOf(model))
  }
  expect(found[1]).toEqual(found[0])
})

test('all memory is freed', async () => {
  const before = device.memory.allocations
  {
    using model = tinyModel(device)
    model.forward([1]).dispose() // tables of the rotary embedding stay with the model
    using trainer = new Trainer(model, options)
    await trainer.next()
    const after = device.memory.allocations
    for (let i = 0; i < 3; i++) await trainer.next()
    expect(device.memory.allocations).toBe(after)
  }
  expect(device.memory.allocations).toBe(before)
})

test("a user's own optimiser: momentum", async () => {
  const gradients: Promise<Float32Array>[] = []
  const momentum: Optimizer<{ readonly velocity: Tensor }> = {
    name: 'momentum',
    init: ({ device, shape }) => ({ velocity: device.zeros(shape) }),
    update({ parameter, state, gradient, learningRate }) {
      gradients.push(gradient.read())
      const velocity = add(scale(state.velocity, 0.9), gradient)
      return { parameter: add(parameter, scale(velocity, -learningRate)), state: { velocity } }
    },
  }
  using model = tinyModel(device)
  model.forward([1]).dispose()
  const before = await weightsOf(model)
  const allocations = device.memory.allocations
  const trainer = new Trainer(model, { ...options, schedule: () => 0.01, optimizer: momentum })
  await trainer.next()
  await trainer.next()
  const after = await weightsOf(model)
  const paths = Object.keys(before)
  for (const [i, path] of paths.entries()) {
    const [first, second] = [await gradients[i], await gradients[paths.length + i]]
    for (const [k, value] of after[path].entries())
      expect(value).toBeCloseTo(before[path][k] - 0.01 * (1.9 * first[k] + second[k]), 5)
  }
  trainer.dispose()
  expect(device.memory.allocations).toBe(allocations)
})

describe('numbers that are not finite', () => {
  test('stop the run, name the step and the op, and leave the weights', async () => {
    using model = tinyModel(device)
    using trainer = new Trainer(model, options)
    await trainer.next()
    const w2 = model.layers[1].feed_forward.w2.weight
    w2.load(device.tensor(new Float32Array(w2.size).fill(Number.NaN), w2.shape))
    const before = await weightsOf(model)
    const failure = await trainer.next().catch(error => error)
    expect(failure).toBeInstanceOf(NonFiniteError)
    expect(failure).toMatchObject({ step: 2, quantity: 'loss', op: 'linear' })
    expect(failure.message).toMatch(/^step 2: the loss is not finite, and the first op with such an output is linear/)
    expect(await weightsOf(model)).toEqual(before)
    expect(trainer.step).toBe(1)
  })

  test('a norm that overflows is found too', async () => {
    using model = tinyModel(device)
    // Logits are of a usual size, and the gradients by the weights of the norm are near the largest f32.
    model.norm.weight.load(device.tensor(new Float32Array(16).fill(2e-38), [16]))
    const alternating = Float32Array.from({ length: 24 * 16 }, (_, i) => (i % 32 < 16 ? 3e38 : -3e38))
    model.output?.weight.load(device.tensor(alternating, [24, 16]))
    using trainer = new Trainer(model, options)
    const failure = await trainer.next().catch(error => error)
    expect(failure).toBeInstanceOf(NonFiniteError)
    expect(failure).toMatchObject({ step: 1, quantity: 'gradient norm', op: 'globalNorm' })
  })
})

test.each([
  [{ batchTokens: 13 }, 'batchTokens'],
  [{ batchTokens: 48, passTokens: 36 }, 'passTokens'],
  [{ passTokens: 13 }, 'passTokens'],
  [{ rowTokens: 13 }, 'rowTokens'],
  [{ rowTokens: 0 }, 'rowTokens'],
])('%j is refused', (wrong, field) => {
  using model = tinyModel(device)
  expect(() => new Trainer(model, { ...options, ...wrong })).toThrow(TrainingConfigError)
  expect(() => new Trainer(model, { ...options, ...wrong })).toThrow(field)
})

test('rows that do not fit the model are refused', async () => {
  using model = tinyModel(device)
  const data: TrainingData = { ...counting, row: () => ({ ids: [1, 2, 3], documents: [0], source: 0 }) }
  using trainer = new Trainer(model, { ...options, data })
  await expect(trainer.next()).rejects.toThrow(TrainingDataError)
})

test('an abort takes effect, and changes nothing', async () => {
  using model = tinyModel(device)
  using trainer = new Trainer(model, options)
  const before = await weightsOf(model)
  await expect(trainer.next(AbortSignal.abort('enough'))).rejects.toBe('enough')
  expect(await weightsOf(model)).toEqual(before)
  expect((await trainer.next()).step).toBe(1)
})
