import { readWeights } from '@cria/checkpoint'
import type { EncodableDType } from '@cria/dtypes'
import { expect, test } from 'vitest'
import { sparseGguf, wideConfig } from './sparse'
import { open } from './stories'

/** How many tensors still arrive after an abort, `delay` milliseconds after reading began. */
const readAfterAbort = async (path: string, dtype: EncodableDType, delay: number): Promise<number> => {
  const checkpoint = await open(path)
  const controller = new AbortController()
  setTimeout(() => controller.abort(), delay)
  let late = 0
  const reading = (async () => {
    for await (const _ of readWeights(checkpoint, { dtype: () => dtype, signal: controller.signal }))
      if (controller.signal.aborted) late++
  })()
  await expect(reading).rejects.toThrow(/abort/i)
  return late
}

test('a load of a gigabyte ends at an abort, whatever it is doing', async () => {
  const path = await sparseGguf(wideConfig(4096, 32_000))
  for (const dtype of ['f32', 'f16', 'q8_0'] as const)
    for (const delay of [0, 15, 60, 120])
      expect(await readAfterAbort(path, dtype, delay), `${dtype}, aborted after ${delay} ms`).toBe(0)
})
