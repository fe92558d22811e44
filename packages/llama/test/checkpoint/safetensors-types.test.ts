import { memorySource, outputBytes } from '@cria/checkpoint'
import { expect, test } from 'vitest'
import { llamaWeights, writeHuggingFace } from '../../src/checkpoint'
import { openSources } from './stories'
import { tinyConfig, tinyModel } from './tiny'

/** Four numbers as each type stores them, and what they are where the bits do not say it. */
const types: Record<string, readonly [stored: ArrayBufferView<ArrayBuffer>, numbers?: readonly number[]]> = {
  F64: [Float64Array.of(0, 1, -2.5, 2 ** 20)],
  F32: [Float32Array.of(0, 1, -2.5, 2 ** 20)],
  F16: [Uint16Array.of(0, 0x3c00, 0xc100, 0x7bff), [0, 1, -2.5, 65504]],
  BF16: [Uint16Array.of(0, 0x3f80, 0xc020, 0x4980), [0, 1, -2.5, 2 ** 20]],
  I64: [BigInt64Array.of(0n, 1n, -2n, 2n ** 40n), [0, 1, -2, 2 ** 40]],
  I32: [Int32Array.of(0, 1, -2, 2 ** 30)],
  I16: [Int16Array.of(0, 1, -2, 2 ** 14)],
  I8: [Int8Array.of(0, 1, -2, 127)],
  U64: [BigUint64Array.of(0n, 1n, 2n, 2n ** 63n), [0, 1, 2, 2 ** 63]],
  U32: [Uint32Array.of(0, 1, 2, 2 ** 31)],
  U16: [Uint16Array.of(0, 1, 2, 2 ** 15)],
  U8: [Uint8Array.of(0, 1, 2, 255)],
  BOOL: [Uint8Array.of(0, 1, 1, 0)],
}

test.each(Object.keys(types))('weights that safetensors store as %s are read as their numbers', async dtype => {
  const [stored, numbers = [...(stored as Float32Array)]] = types[dtype]
  const pattern = new Uint8Array(stored.buffer)
  const header: Record<string, unknown> = {}
  let end = 0
  for (const { huggingFace, shape } of llamaWeights(tinyConfig)) {
    const begin = end
    end += (shape.reduce((a, b) => a * b) / 4) * pattern.length
    header[huggingFace] = { dtype, shape, data_offsets: [begin, end] }
  }
  const head = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(8 + head.length + end)
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true)
  file.set(head, 8)
  for (let at = 8 + head.length; at < file.length; at += pattern.length) file.set(pattern, at)

  const config = memorySource(await outputBytes(writeHuggingFace(tinyModel())[0]), 'config.json')
  const checkpoint = await openSources([config, memorySource(file, 'model.safetensors')])
  for (const [name, { shape }] of checkpoint.tensors) {
    const { data } = await checkpoint.read(name, { dtype: 'f32' })
    expect(data.length).toBe(shape.reduce((a, b) => a * b))
    expect([...data.subarray(0, 4), ...data.subarray(-4)], name).toEqual([...numbers, ...numbers])
  }
})
