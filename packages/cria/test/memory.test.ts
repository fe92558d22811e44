import { initialise } from '@cria/layers'
import { Llama2 } from '@cria/llama2'
import { generate } from '@cria/sampling'
import { type Device, listDevices, openDevice, WebGpuDevice } from '@cria/tensor'
import { describe, expect, test } from 'vitest'

const devices = (await listDevices()).filter(({ name }) => name !== 'shape')

/** What the process holds after its garbage is gone. */
const held = () => {
  const { gc } = globalThis
  if (!gc) throw new Error('run with --expose-gc')
  gc()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed + arrayBuffers, rss }
}

const MIB = 2 ** 20
const buffersOf = (device: Device) => (device instanceof WebGpuDevice ? device.buffers : 0)

describe('1,000 generated tokens leave memory where it was after 100', () => {
  for (const { name, available } of devices)
    test.skipIf(!available)(`on ${name}`, { timeout: 240_000 }, async () => {
      await using device = await openDevice(name)
      using model = new Llama2(device, {
        dim: 16,
        n_layers: 1,
        n_heads: 2,
        n_kv_heads: 1,
        vocab_size: 32,
        hidden_dim: 24,
      })
      initialise(model, device)
      const generateHundred = async () => {
        for await (const _ of generate(model, [1], { temperature: 0, maxTokens: 100 }));
      }
      await generateHundred()
      const before = { ...held(), memory: { ...device.memory }, buffers: buffersOf(device) }
      for (let hundred = 1; hundred < 10; hundred++) await generateHundred()
      const after = held()
      expect(device.memory).toEqual(before.memory)
      expect(buffersOf(device)).toBe(before.buffers)
      // What a step makes and drops weighs 10 KiB and more: 900 steps that kept it would weigh many times this.
      expect((after.heap - before.heap) / MIB).toBeLessThan(2)
      // Drivers and allocators breathe: in 1,600 tokens on SwiftShader the process swung by 43 MiB, without a trend.
      expect((after.rss - before.rss) / MIB).toBeLessThan(64)
    })
})
