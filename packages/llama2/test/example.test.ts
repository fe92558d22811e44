import { readFileSync } from 'node:fs'
import { openDevice } from '@cria/tensor'
import { expect, test, vi } from 'vitest'

const example = new URL('../examples/multi-query-layer-norm.ts', import.meta.url)

test('the example of a custom architecture runs, and generates', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const { Decoder } = await import(example.href)
  const printed = log.mock.calls.map(([line]) => line)
  log.mockRestore()
  expect(printed[0]).toMatch(/^\d+ parameters on \w+$/)
  expect(printed).toHaveLength(1 + 16)
  for (const id of printed.slice(1)) expect(id).toBeLessThan(256)

  // With the cache it gives the logits that it gives without.
  await using device = await openDevice('cpu')
  using model = new Decoder(device)
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: 8 })
  for (const id of [5, 6, 7]) model.forward([id], sequence).dispose()
  using cached = model.forward([8], sequence)
  using whole = model.forward([5, 6, 7, 8])
  const expected: Float32Array = await whole.read()
  expect([...(await cached.read())]).toEqual([...expected].map(value => expect.closeTo(value, 2)))
})

test('the example is short', () => {
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThan(75)
})
