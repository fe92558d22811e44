import { type ReadWeightsOptions, readWeights, type Weights } from '@cria/checkpoint'
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

test('a load of a gigabyte ends at an abort in each of its phases', async () => {
  const path = await sparseGguf(wideConfig(4096, 32_000))
  for (const dtype of ['f32', 'f16', 'q8_0'] as const)
    for (const delay of [0, 15, 60, 120])
      expect(await readAfterAbort(path, dtype, delay), `${dtype}, aborted after ${delay} ms`).toBe(0)
})

test('tensors of a file lie in the memory that is given, and nothing is written there after the end', async () => {
  const path = await sparseGguf(wideConfig(1024, 16_000))
  const places = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(2 ** 26)))
  const memory = places.map(place => (bytes: number) => place.subarray(0, bytes))
  for (const ending of ['the caller stops', 'the caller fails', 'an abort'] as const) {
    const checkpoint = await open(path)
    const controller = new AbortController()
    const reading = (async () => {
      const options: ReadWeightsOptions = {
        dtype: () => 'f32',
        signal: controller.signal,
        memory: [memory[0], memory[1]],
      }
      let count = 0
      for await (const [, { data }] of readWeights(checkpoint, options)) {
        expect(data.buffer).toBe(places[count % 2].buffer)
        if (++count < 3) continue
        if (ending === 'the caller stops') return
        if (ending === 'the caller fails') throw new Error('no memory')
        controller.abort(new Error('enough'))
      }
    })()
    if (ending === 'the caller stops') await reading
    else await expect(reading).rejects.toThrow(ending === 'an abort' ? 'enough' : 'no memory')
    // The file is all zeros.
    for (const place of places) place.fill(7)
    await new Promise(resolve => setTimeout(resolve, 100))
    for (const [i, place] of places.entries()) expect(place.indexOf(0), `${ending}, ${i}`).toBe(-1)
    await checkpoint.close()
  }
})

test('an iteration ends when the read ahead of it has ended, and aborts it', async () => {
  const info = { shape: [8], dtype: 'f32', byteLength: 32, shards: 1 } as const
  let running = 0
  let aborted = 0
  const weights: Weights = {
    name: 'slow',
    tensors: new Map(['a', 'b', 'c'].map(path => [path, info])),
    async read(_path, { signal } = {}) {
      running++
      await new Promise(resolve => setTimeout(resolve, 50))
      running--
      if (signal?.aborted) aborted++
      return { ...info, data: new Float32Array(8) }
    },
  }
  for await (const _ of readWeights(weights)) {
    expect(running).toBe(1)
    break
  }
  expect([running, aborted]).toEqual([0, 1])
})
