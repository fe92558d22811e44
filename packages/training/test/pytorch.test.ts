import { type DeviceName, listDevices, openDevice } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { describe, expect, test } from 'vitest'
import { adamW, type Optimizer, Trainer, warmupCosine } from '../src'
import { arraysOf, type Case, dataOf, fixture, modelOf, relativeError } from './pytorch'

// PyTorch's own numbers, in float64: `tooling/referee/training/steps.py`.

const { rows, config, optimiser, schedule } = fixture
const batchTokens = rows * config.max_seq_len

const trainerOf = (model: ReturnType<typeof modelOf>, of: Case, more = {}) =>
  new Trainer(model, {
    data: dataOf(of),
    schedule: warmupCosine(schedule),
    optimizer: adamW(optimiser),
    clip: optimiser.clip,
    batchTokens,
    ...more,
  })

/** Keeps the gradients of the first step, and changes nothing. */
const keeper = () => {
  const gradients: Promise<Float32Array>[] = []
  const optimizer: Optimizer = {
    name: 'keeper',
    init: () => ({}),
    update({ parameter, gradient, state }) {
      gradients.push(gradient.read())
      return { parameter, state }
    },
  }
  return { gradients, optimizer }
}

const names: readonly DeviceName[] = ['cpu', 'simd']
const devices = testedDevices(await listDevices()).filter(({ name, available }) => names.includes(name) && available)
const cases = devices.flatMap(({ name }) => fixture.cases.map(of => [name, of.name, of] as const))

describe.each(cases)('on %s: %s', (name, _, of) => {
  test.each([
    ['in one pass', {}],
    ['in four passes', { passTokens: batchTokens / 4 }],
  ])('the gradient of every weight, %s', async (_, more) => {
    await using device = await openDevice(name)
    using model = modelOf(device, of)
    const { gradients, optimizer } = keeper()
    using trainer = trainerOf(model, of, { optimizer, ...more })
    const step = await trainer.next()
    expect(step.loss).toBeCloseTo(of.losses[0], 5)
    expect(step.gradientNorm).toBeCloseTo(of.norms[0], 5)
    const expected = arraysOf(model, of, of.gradient)
    for (const [i, [path]] of [...model.parameters()].entries())
      expect(relativeError(await gradients[i], expected.get(path) ?? []), path).toBeLessThan(1e-4)
  })

  test('20 steps of AdamW', async () => {
    await using device = await openDevice(name)
    using model = modelOf(device, of)
    using trainer = trainerOf(model, of)
    let i = 0
    for await (const { loss, gradientNorm } of trainer.steps({ until: fixture.weightsAfter })) {
      expect(Math.abs(loss / of.losses[i] - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      expect(Math.abs(gradientNorm / of.norms[i] - 1), `norm of step ${i + 1}`).toBeLessThan(1e-4)
      i++
    }
    const expected = arraysOf(model, of, of.weights)
    // AdamW divides by √v, so the rounding of a gradient near zero may change its step as much as a large gradient does. Relaxed
    // SIMD rounds a product and a sum once, PyTorch and plain SIMD twice.
    const limit = name === 'simd' ? 2e-4 : 1e-4
    for (const [path, { tensor }] of model.parameters())
      expect(relativeError(await tensor.read(), expected.get(path) ?? []), path).toBeLessThan(limit)
  })
})

test.each(fixture.cases.map(of => [of.name, of] as const))('100 losses: %s', async (_, of) => {
  await using device = await openDevice(devices.some(({ name }) => name === 'simd') ? 'simd' : 'cpu')
  for (const recompute of [false, true]) {
    using model = modelOf(device, of)
    model.recompute = recompute
    using trainer = trainerOf(model, of)
    let i = 0
    for await (const { loss } of trainer.steps({ until: schedule.steps })) {
      expect(Math.abs(loss / of.losses[i] - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      i++
    }
  }
})
