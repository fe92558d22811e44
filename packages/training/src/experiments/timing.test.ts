import { type Device, openDevice } from '@cria/tensor'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { tinyModel } from '../../test/tiny'
import { decodeSpeeds, normTimes } from '../experiments'

// The clock stands still, except where a test sets it forward: so times are exact, and those of the machine do not matter.

let device: Device
let now = 0
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())
afterEach(() => vi.restoreAllMocks())

const stopClock = () => {
  now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
}

test('a speed is of the tokens of a round, each one pass behind the prompt', async () => {
  stopClock()
  const order: string[] = []
  const timedModel = (name: string, milliseconds: readonly number[]) => {
    const model = tinyModel(device)
    const forward = model.forward.bind(model)
    let passes = -1 // the prompt
    vi.spyOn(model, 'forward').mockImplementation((ids, sequence, options) => {
      order.push(`${name} ${Array.from(ids).join()} at ${sequence?.length}`)
      if (passes >= 0) now += milliseconds[Math.floor(passes / 2)]
      passes++
      return forward(ids, sequence, options)
    })
    return model
  }
  // The first round warms up. Of the other five, the median counts.
  using fast = timedModel('fast', [9000, 125, 8000, 100, 110, 300])
  using slow = timedModel('slow', [1, 250, 300, 1, 700, 200])
  expect(await decodeSpeeds([fast, slow], 3, 2, 5)).toEqual([8, 4])
  const round = ['fast 0 at 3', 'fast 1 at 4', 'slow 0 at 3', 'slow 1 at 4']
  expect(order).toEqual(['fast 0,1,2 at 0', 'slow 0,1,2 at 0', ...Array(6).fill(round).flat()])
})

test('the times of the norms are of their ops, and what is saved is a share of LayerNorm', async () => {
  stopClock()
  const seconds: Readonly<Record<string, number>> = {
    rmsNorm: 3,
    layerNorm: 4,
    rmsNormBackward: 7,
    layerNormBackward: 16,
  }
  const rows: number[] = []
  using _observing = device.observe({
    call({ op, inputs }) {
      now += 1000 * (seconds[op.name] ?? 0)
      if (op.name === 'layerNorm') rows.push(...inputs[0].shape)
    },
  })
  const times = await normTimes(device, [8, 12], 4, 1)
  const each = { rms: 3, layer: 4, rmsBoth: 10, layerBoth: 20, saved: 0.25, savedBoth: 0.5 }
  expect(times).toEqual([
    { dim: 8, ...each },
    { dim: 12, ...each },
  ])
  // A warm-up and one round, each forward and with gradients.
  expect(rows).toEqual([4, 8, 4, 8, 4, 8, 4, 8, 4, 12, 4, 12, 4, 12, 4, 12])
})
