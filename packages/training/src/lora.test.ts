import { type Device, openDevice } from '@cria/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { config, counting, tinyModel, weightsOf } from '../test/tiny'
import { Lora, Trainer, TrainingConfigError } from '.'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

const options = { data: counting, schedule: () => 0.02, batchTokens: 4 * config.max_seq_len }
const ids = [1, 2, 3, 9, 4, 7]

test('only the adapters are trained, and merging them changes no logit', async () => {
  using model = tinyModel(device)
  const before = await weightsOf(model)
  const parameters = model.parameterCount
  const lora = new Lora(model, { rank: 2, alpha: 4, matrices: ['wq', 'w2'] })
  const losses: number[] = []
  using trainer = new Trainer(model, { ...options, parameters: lora.parameters() })
  for (let i = 0; i < 20; i++) losses.push((await trainer.next()).loss)
  expect(losses[19]).toBeLessThan(0.9 * losses[0])
  using adapted = model.forward(ids, undefined, { logits: 'all' })
  const logits = await adapted.read()
  lora.merge()
  expect(model.parameterCount).toBe(parameters)
  const after = await weightsOf(model)
  const changed = Object.keys(before).filter(path => before[path].some((value, i) => value !== after[path][i]))
  expect(changed).toEqual([
    'layers.0.attention.wq.weight',
    'layers.0.feed_forward.w2.weight',
    'layers.1.attention.wq.weight',
    'layers.1.feed_forward.w2.weight',
  ])
  using merged = model.forward(ids, undefined, { logits: 'all' })
  for (const [i, value] of (await merged.read()).entries()) expect(value).toBeCloseTo(logits[i], 4)
})

test('the update has the rank that was asked for', async () => {
  using model = tinyModel(device)
  const before = (await weightsOf(model))['layers.0.attention.wv.weight']
  const lora = new Lora(model, { rank: 1, matrices: ['wv'] })
  using trainer = new Trainer(model, { ...options, parameters: lora.parameters() })
  for (let i = 0; i < 3; i++) await trainer.next()
  const merged = lora.merged()
  const update = (await merged.get('layers.0.attention.wv.weight')?.read())?.map((value, i) => value - before[i]) ?? []
  for (const tensor of merged.values()) tensor.dispose()
  // Of rank 1: all 2x2 minors are 0.
  const at = (row: number, column: number) => update[row * config.dim + column]
  expect(Math.abs(at(0, 0))).toBeGreaterThan(1e-4)
  for (const row of [1, 2, 5])
    for (const column of [1, 3, 8]) expect(at(0, 0) * at(row, column) - at(0, column) * at(row, 0)).toBeCloseTo(0, 8)
})

test('an untrained adapter changes nothing, and can be removed', async () => {
  using model = tinyModel(device)
  using plain = model.forward(ids)
  const allocations = device.memory.allocations
  const lora = new Lora(model, { rank: 3 })
  using adapted = model.forward(ids)
  expect(await adapted.read()).toEqual(await plain.read())
  adapted.dispose()
  lora.remove()
  expect(device.memory.allocations).toBe(allocations)
  using again = model.forward(ids)
  expect(await again.read()).toEqual(await plain.read())
})

test('fields that hold no layers are passed over', () => {
  using model = tinyModel(device)
  Object.assign(model, { notes: [undefined, null, 'wq', 3] })
  const lora = new Lora(model, { rank: 1, matrices: ['wq'] })
  expect(Array.from(lora.parameters(), ([path]) => path)).toEqual([
    ...['layers.0.attention.wq.adapter.a', 'layers.0.attention.wq.adapter.b'],
    ...['layers.1.attention.wq.adapter.a', 'layers.1.attention.wq.adapter.b'],
  ])
  lora.remove()
})

test.each(['wq', 'wk', 'wv', 'wo', 'w1', 'w2', 'w3', 'output'])(
  'an adapter of %s takes effect in whole passes and with a cache',
  async matrix => {
    using model = tinyModel(device, 1, { tied_output: false })
    using plain = model.forward(ids)
    const lora = new Lora(model, { rank: 2, matrices: [matrix] })
    for (const [path, parameter] of lora.parameters()) {
      const values = Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(1 + i + path.length))
      parameter.load(device.tensor(values, parameter.shape))
    }
    const run = async () => {
      using whole = model.forward(ids)
      using cache = model.createCache()
      const sequence = cache.sequence({ capacity: ids.length })
      model.forward(ids.slice(0, 4), sequence).dispose()
      using behind = model.forward(ids.slice(4), sequence)
      return [await whole.read(), await behind.read()]
    }
    const adapted = await run()
    lora.merge()
    for (const [i, logits] of (await run()).entries())
      for (const [j, value] of logits.entries()) expect(value).toBeCloseTo(adapted[i][j], 4)
    const before = await plain.read()
    expect(Math.max(...adapted[0].map((value, i) => Math.abs(value - before[i])))).toBeGreaterThan(0.01)
  },
)

test('adapters can be trained with `recompute`', async () => {
  const losses: number[][] = []
  for (const recompute of [false, true]) {
    using model = tinyModel(device)
    model.recompute = recompute
    const lora = new Lora(model, { rank: 2, seed: 5 })
    using trainer = new Trainer(model, { ...options, parameters: lora.parameters() })
    const found: number[] = []
    for (let i = 0; i < 3; i++) found.push((await trainer.next()).loss)
    losses.push(found)
  }
  expect(losses[1]).toEqual(losses[0])
})

test.each([
  [{ rank: 0 }, 'lora.rank'],
  [{ rank: 1.5 }, 'lora.rank'],
  [{ rank: 1, matrices: ['wq', 'wz'] }, 'names wz'],
  [{ rank: 1, matrices: [] }, 'names nothing'],
])('%j is refused', (options, problem) => {
  using model = tinyModel(device)
  const before = [...model.parameters()].length
  expect(() => new Lora(model, options)).toThrow(TrainingConfigError)
  expect(() => new Lora(model, options)).toThrow(problem)
  expect([...model.parameters()]).toHaveLength(before)
})
