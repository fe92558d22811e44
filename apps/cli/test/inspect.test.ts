import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

  test('--plan lists the kernels of a decoding step', async () => {
    const { stdout } = await cria(['inspect', 'llama2-7b', '--plan'])
    expect(stdout).toMatch(/^1 +embedding +embedding +/m)
    const dispatches = Number(/^(\d+) dispatches on shape/m.exec(stdout)?.[1])
    expect(dispatches).toBeGreaterThan(32 * 10)
    expect(stdout).toMatch(new RegExp(`^${dispatches} +linear +linear +32000`, 'm'))
  })
})

describe.skipIf(!hasData)('cria inspect of a file', () => {
  test('shows config, figures, and tensors with their types and sizes', async () => {
    const { stdout } = await cria(['inspect', data('stories260K/stories260K.bin')])
    expect(stdout).toMatch(/stories260K\.bin: llama2\.c v0\n/)
    expect(stdout).toMatch(/^n_kv_heads +4$/m)
    expect(stdout).toMatch(/^parameters +260,032$/m)
    expect(stdout).toMatch(/^KV cache a token +640 bytes in f16, 1,280 in f32$/m)
    expect(stdout).toMatch(/^layers\.4\.feed_forward\.w2\.weight +64 × 172 +f32 +44\.03 kB$/m)
    expect(stdout).not.toContain('output.weight')
  })
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
    expect(stdout).toMatch(new RegExp(`^layers\\.0\\.attention\\.wq\\.weight +64 × 64 +${dtype} +`, 'm'))
  })
})

test.each<[string, string[], number, string]>([
  [
    'no such file or size',
    ['llama2-80b'],
    1,
    'llama2-80b does not exist, and is not a published size: those are llama-7b',
  ],
  ['a file that is no model', ['package.json'], 1, 'package.json: '],
  ['a device without a plan', ['llama2-7b', '--device', 'cpu'], 2, '--device is for --plan'],
  ['an unknown device', ['llama2-7b', '--plan', '--device', 'tpu'], 1, 'device "tpu" cannot run here: no such device'],
  ['no model', [], 2, "missing required argument 'model'"],
])('%s is told in one line', async (_, args, exitCode, message) => {
  const { code, stderr } = await cria(['inspect', ...args])
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/^cria: .*\n$/)
  expect(code).toBe(exitCode)
})
