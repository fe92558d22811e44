import { readWeights } from '@cria/checkpoint'
import type { EncodableDType } from '@cria/dtypes'
import { expect, test } from 'vitest'
import { sparseGguf, wideConfig } from './sparse'
import { open } from './stories'

/** Milliseconds from an abort, `delay` after reading began, to the rejection. */
const abortLatency = async (path: string, dtype: EncodableDType, delay: number): Promise<number> => {
  const checkpoint = await open(path)
  const controller = new AbortController()
  let aborted = 0
  setTimeout(() => {
    aborted = performance.now()
    controller.abort()
  }, delay)
  const reading = (async () => {
    for await (const [name] of readWeights(checkpoint, { dtype: () => dtype, signal: controller.signal })) void name
  })()
  await expect(reading).rejects.toThrow(/abort/i)
  return performance.now() - aborted
}

test('a load of a gigabyte ends within 50 ms of an abort, whatever it is doing', { timeout: 60_000 }, async () => {
  const path = await sparseGguf(wideConfig(4096, 32_000))
  for (const dtype of ['f32', 'f16', 'q8_0'] as const) {
    for (const delay of [0, 15, 60, 120]) {
      // The best of three: a busy machine delays the timer itself.
      const latencies: number[] = []
      for (let i = 0; i < 3; i++) {
        latencies.push(await abortLatency(path, dtype, delay))
        if (latencies[i] < 50) break
      }
      expect(Math.min(...latencies), `${dtype}, aborted after ${delay} ms`).toBeLessThan(50)
    }
  }
})
