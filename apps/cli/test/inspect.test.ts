import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  memorySource,
  type OutputFile,
  type OutputTensor,
  openCheckpoint,
  outputBytes,
  writeGgufFile,
} from '@cria/checkpoint'
import { saveFiles } from '@cria/checkpoint/node'
import { bytesOf } from '@cria/dtypes'
import { llamaWeights, memoryLlama, resolveConfig, writeGguf } from '@cria/llama'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cria, data, hasData } from './cria'

describe('cria inspect of a published size', () => {
  test.each([
    ['llama-7b', '6,738,415,616', '524,288'],
    ['llama-13b', '13,015,864,320', '819,200'],
    ['llama-33b', '32,528,943,616', '1,597,440'],
    ['llama-65b', '65,285,660,672', '2,621,440'],
    ['llama2-7b', '6,738,415,616', '524,288'],
    ['llama2-13b', '13,015,864,320', '819,200'],
    ['llama2-70b', '68,976,648,192', '327,680'],
  ])('%s has the parameters and the cache of the papers', async (name, parameters, kvBytes) => {
    const { code, stdout, stderr } = await cria(['inspect', name])
    expect(stdout).toMatch(new RegExp(`^parameters +${parameters}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^KV cache a token +${kvBytes} bytes in f16`, 'm'))
    expect(stdout).toMatch(/^output\.weight +32000 × /m)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('layers that are alike share a row', async () => {
    const { stdout } = await cria(['inspect', 'llama2-70b'])
    const [, rows] = stdout.split('TENSOR')
    expect(rows.split('\n').map(line => line.trim().split(/ {2,}/))).toEqual([
      ['LAYERS', 'SHAPE'],
      ['tok_embeddings.weight', '32000 × 8192'],
      ['attention.wq.weight', '0-79', '8192 × 8192'],
      ['attention.wk.weight', '0-79', '1024 × 8192'],
      ['attention.wv.weight', '0-79', '1024 × 8192'],
      ['attention.wo.weight', '0-79', '8192 × 8192'],
      ['feed_forward.w1.weight', '0-79', '28672 × 8192'],
      ['feed_forward.w2.weight', '0-79', '8192 × 28672'],
      ['feed_forward.w3.weight', '0-79', '28672 × 8192'],
      ['attention_norm.weight', '0-79', '8192'],
      ['ffn_norm.weight', '0-79', '8192'],
      ['norm.weight', '8192'],
      ['output.weight', '32000 × 8192'],
      [''],
    ])
  })

  test('--plan lists the kernels of a decoding step', async () => {
    const { stdout } = await cria(['inspect', 'llama2-7b', '--plan'])
    expect(stdout).toMatch(/^1 +embedding +embedding +/m)
    const dispatches = Number(/^(\d+) dispatches on shape/m.exec(stdout)?.[1])
    expect(dispatches).toBeGreaterThan(32 * 10)
    expect(stdout).toMatch(new RegExp(`^${dispatches} +linear +linear +32000`, 'm'))
  })
})

describe('cria inspect --plan --device webgpu needs no GPU', () => {
  // Bytes of a token's weights: 6,607,343,616 in matrices, without the 131,072,000 of a table that is not read; 4,096 positions of
  // 32 layers, 2 x 4,096 numbers of f16.
  const matrices = 6_738_415_616 - 131_072_000 - 65 * 4096
  const plan = async (...flags: string[]) => {
    const { code, stdout, stderr } = await cria(['inspect', 'llama2-7b', '--plan', '--device', 'webgpu', ...flags])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const figure = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1])
    return {
      dispatches: figure(/^(\d+) dispatches on webgpu: /m),
      milliseconds: figure(/^predicted: ([\d.]+) ms a step/m),
      perSecond: figure(/ms a step, ([\d.]+) tokens a second$/m),
      kernels: stdout,
    }
  }

  test.each([
    ['f16', 2, 1],
    ['q8_0', 34 / 32, 1],
    ['q4_0', 18 / 32, 0],
  ] as const)('llama2-7b in %s fits bindings of 128 MiB, and its time is predicted', async (type, bytes, divided) => {
    const flags = ['--weights', type, '--bandwidth', '400', '--dispatch', '4', '--efficiency', '0.75']
    const { dispatches, milliseconds, perSecond, kernels } = await plan(...flags)
    // 8 a layer and 4 outside, and one more for each further part of the table and of the head.
    expect(dispatches).toBeLessThanOrEqual(260 + 2 * divided)
    expect(dispatches).toBeGreaterThan(200)
    const expected = (matrices * bytes) / (0.75 * 400e6) + (dispatches * 4) / 1000
    expect(milliseconds).toBeGreaterThan(expected)
    expect(milliseconds).toBeLessThan(expected * 1.02)
    expect(perSecond).toBeCloseTo(1000 / milliseconds, 0)
    expect(kernels).toMatch(new RegExp(`product ${type}`))
  })

  test('a long context costs its keys and values', async () => {
    const flags = ['--weights', 'q4_0', '--bandwidth', '100', '--dispatch', '0', '--efficiency', '1']
    const [short, long] = [await plan(...flags), await plan(...flags, '--position', '4000')]
    const cache = (4000 * 524_288) / 100e6
    expect((long.milliseconds - short.milliseconds) / cache).toBeCloseTo(1, 1)
    expect(long.dispatches).toBeGreaterThan(short.dispatches)
    // In bindings of 16 MiB the gates, of 11,008 rows, and the way back from them are in two parts in each of 32 layers; the
    // table and the head, of 32,000 rows, are in five.
    expect((await plan('--weights', 'q4_0', '--bindings', '16')).dispatches).toBe(short.dispatches + 32 * 2 + 2 * 4)
  })
})

/** A model of 6 layers in GGUF, with matrices of layers 1, 3 and 4 in f16. */
const mixedFile = async (): Promise<OutputFile> => {
  const config = { dim: 32, n_layers: 6, n_heads: 2, n_kv_heads: 1, vocab_size: 48, hidden_dim: 64, max_seq_len: 64 }
  const arrays = Array.from(llamaWeights(resolveConfig(config)), ({ path, shape }) => {
    return [path, new Float32Array(shape.reduce((a, b) => a * b))] as const
  })
  const whole = writeGguf(memoryLlama(config, new Map(arrays)))
  const { metadata, tensors, read } = await openCheckpoint(memorySource(await outputBytes(whole), 'model.gguf'))
  if (metadata.kind !== 'gguf') throw new Error(metadata.kind)
  const typed = Array.from(tensors, ([name, { shape }]): OutputTensor => {
    const dtype = /^blk\.[134]\.attn_v/.test(name) ? 'f16' : 'f32'
    return { name, shape, dtype, bytes: async () => bytesOf((await read(name, { dtype })).data) }
  })
  return writeGgufFile('mixed.gguf', [...metadata.entries], typed)
}

test('layers with another type have a row of their own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cria-mixed-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await saveFiles(folder, [await mixedFile()])
  const { stdout } = await cria(['inspect', join(folder, 'mixed.gguf')])
  expect(stdout).toMatch(/^TENSOR +LAYERS +SHAPE +TYPE +SIZE OF ALL$/m)
  // 16 × 32 numbers: of 4 bytes in three layers, of 2 bytes in three.
  expect(stdout).toMatch(/^attention\.wv\.weight +0, 2, 5 +16 × 32 +f32 +6\.144 kB$/m)
  expect(stdout).toMatch(/^attention\.wv\.weight +1, 3-4 +16 × 32 +f16 +3\.072 kB$/m)
  expect(stdout).toMatch(/^attention\.wk\.weight +0-5 +16 × 32 +f32 +12\.29 kB$/m)
})

describe.skipIf(!hasData)('cria inspect of a file', () => {
  test('shows config, figures, and tensors with their types and sizes', async () => {
    const { stdout } = await cria(['inspect', data('stories260K/stories260K.bin')])
    expect(stdout).toMatch(/stories260K\.bin: llama2\.c v0\n/)
    expect(stdout).toMatch(/^n_kv_heads +4$/m)
    expect(stdout).toMatch(/^parameters +260,032$/m)
    expect(stdout).toMatch(/^KV cache a token +640 bytes in f16, 1,280 in f32$/m)
    // 5 layers of 64 × 172 numbers of 4 bytes.
    expect(stdout).toMatch(/^feed_forward\.w2\.weight +0-4 +64 × 172 +f32 +220\.2 kB$/m)
    expect(stdout).not.toContain('output.weight')
  })
})

// See tooling/referee/models/saved.py.
test.each(['byte-level', 'byte-level.gguf'])('cria inspect shows what %s says of generating text', async name => {
  const { stdout } = await cria(['inspect', fileURLToPath(new URL(`fixtures/saved/${name}`, import.meta.url))])
  expect(stdout).toMatch(/^BOS +310$/m)
  expect(stdout).toMatch(/^end tokens +311, 313$/m)
  expect(stdout).toMatch(/^temperature +0.7$/m)
  expect(stdout).toMatch(/^topP +0.85$/m)
  expect(stdout).toMatch(/^chat templates +default$/m)
})

describe.skipIf(!hasData)('cria inspect knows', () => {
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cria-inspect-'))
    await cria(['convert', data('stories260K/stories260K.bin'), join(folder, 'hf')])
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each([
    ['stories260K.gguf', 'GGUF v3', 'f32'],
    ['clebert_checkpoint_v1.bin', 'llama2.c v1', 'f32'],
    ['stories260K-q8.bin', 'llama2.c v2', 'i8_grouped'],
    ['hf', 'Hugging Face safetensors', 'f32'],
  ])('%s as %s', async (name, format, dtype) => {
    const path = name === 'hf' ? join(folder, name) : data(`stories260K/${name}`)
    const { code, stdout } = await cria(['inspect', path])
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toBe(`${path}: ${format}`)
    expect(stdout).toMatch(new RegExp(`^attention\\.wq\\.weight +0-4 +64 × 64 +${dtype} +`, 'm'))
  })
})

test.each<[string, string[], number, string]>([
  [
    'no such file or size',
    ['llama2-80b'],
    1,
    'llama2-80b does not exist, and is not a published size: those are llama-7b',
  ],
  ['a file that is not a model', ['package.json'], 1, 'package.json: '],
  ['a device without a plan', ['llama2-7b', '--device', 'cpu'], 2, '--device is for --plan'],
  ['a bandwidth without a plan', ['llama2-7b', '--bandwidth', '100'], 2, '--bandwidth is for --plan'],
  ['a dispatch cost alone', ['llama2-7b', '--plan', '--dispatch', '5'], 2, '--dispatch is for --bandwidth'],
  ['no bandwidth', ['llama2-7b', '--plan', '--bandwidth', '0'], 2, '--bandwidth is 0, expected GB/s above 0'],
  [
    'a type of weights for the kernels',
    ['llama2-7b', '--plan', '--weights', 'f16'],
    2,
    '--weights is for --device webgpu',
  ],
  ['an unknown device', ['llama2-7b', '--plan', '--device', 'tpu'], 1, 'device "tpu" cannot run here: no such device'],
  ['no model', [], 2, "missing required argument 'model'"],
])('%s is told in one line', async (_, args, exitCode, message) => {
  const { code, stderr } = await cria(['inspect', ...args])
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/^cria: .*\n$/)
  expect(code).toBe(exitCode)
})
