import { initialise } from '@cria/layers'
import { openDevice } from '@cria/tensor'
import { expect, test } from 'vitest'
import { tinyModel, weightsOf } from '../test/tiny'
import { initialiseWeights } from '.'

test('matrices that write to the residual stream begin smaller by the root of twice the layers', async () => {
  await using device = await openDevice('cpu')
  using model = tinyModel(device) // of two layers
  initialise(model, device, { seed: 3, deviation: 0.02 })
  const plain = await weightsOf(model)
  initialiseWeights(model, 3)
  for (const [path, values] of Object.entries(await weightsOf(model))) {
    const factor = ['attention.wo', 'feed_forward.w2'].some(name => path.includes(name)) ? 0.5 : 1
    expect(
      values.map((value, i) => Math.abs(value - factor * plain[path][i]) < 1e-9),
      path,
    ).not.toContain(false)
  }
  initialiseWeights(model)
  const first = await weightsOf(model)
  initialiseWeights(model, 0)
  expect(await weightsOf(model)).toEqual(first)
  expect(first).not.toEqual(plain)
})
