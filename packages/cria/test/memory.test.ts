import { setImmediate } from 'node:timers/promises'
import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { generate } from '@cria/sampling'
import { type Device, listDevices, openDevice, type WebGpuDevice } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { describe, expect, test } from 'vitest'
import { ModelSequences } from '../src/sequences'

const devices = testedDevices(await listDevices()).filter(({ name }) => name !== 'shape')

/** Memory of the process after garbage collection. What finalizers and weak references hold is free only after another turn. */
const held = async () => {
  const { gc } = globalThis
  if (!gc) throw new Error('run with --expose-gc')
  for (let turn = 0; turn < 3; turn++) {
    gc()
    await setImmediate()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const MIB = 2 ** 20
const buffersOf = (device: Device) => (device.name === 'webgpu' ? (device as WebGpuDevice).buffers : 0)

describe('1,000 generated tokens leave memory where it was after 100', () => {
  for (const { name, available } of devices)
    test.skipIf(!available)(`on ${name}`, { timeout: 600_000 }, async () => {
      await using device = await openDevice(name)
      using model = llama2(device, {
        dim: 16,
        n_layers: 1,
        n_heads: 2,
        n_kv_heads: 1,
        vocab_size: 32,
        hidden_dim: 24,
      })
      initialise(model, device)
      const sequences = new ModelSequences(model, undefined)
      const generateHundred = async () => {
        for await (const _ of generate(sequences, [1], { temperature: 0, maxTokens: 100 }));
      }
      await generateHundred()
      const before = { heap: await held(), memory: { ...device.memory }, buffers: buffersOf(device) }
      for (let hundred = 1; hundred < 10; hundred++) await generateHundred()
      const heap = await held()
      expect(device.memory).toEqual(before.memory)
      expect(buffersOf(device)).toBe(before.buffers)
      // A step allocates and drops at least 10 KiB. If 900 steps kept it, that would be much more than this limit.
      expect((heap - before.heap) / MIB).toBeLessThan(2)
    })
})
