import { readWeights } from '@cria/checkpoint'
import { byteLength, elementCount } from '@cria/dtypes'
import { expect, test } from 'vitest'
import { llamaWeights } from '../../src/checkpoint'
import { sparseGguf, wideConfig } from './sparse'
import { open } from './stories'

test('loading needs the model in its target type, one tensor and 100 MB', { timeout: 300_000 }, async () => {
  const config = wideConfig(2048, 8_000)
  const checkpoint = await open(await sparseGguf(config))
  const sizes = [...llamaWeights(config)].map(({ shape }) => elementCount(shape) ?? 0)
  const target = sizes.reduce((sum, elements) => sum + byteLength('f16', elements), 0)
  const largest = Math.max(...sizes) * 4
  const start = process.memoryUsage().arrayBuffers
  let peak = 0
  const sample = () => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - start)
  }
  const model = []
  for await (const [, tensor] of readWeights(checkpoint, { dtype: () => 'f16', onProgress: sample })) {
    sample()
    model.push(tensor)
  }
  expect(model).toHaveLength(sizes.length)
  expect(peak).toBeGreaterThan(target)
  expect(peak).toBeLessThan(target + largest + 100e6)
})
