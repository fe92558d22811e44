import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPath } from '@cria/checkpoint/node'
import { openLlama } from '@cria/llama'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cria, data, hasData } from './cria'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-convert-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const weightsOf = async (path: string) => {
  const checkpoint = await openPath(path)
  const llama = await openLlama(checkpoint)
  const weights: Record<string, unknown> = {}
  for (const name of llama.tensors.keys()) weights[name] = (await llama.read(name, { dtype: 'f32' })).data
  await checkpoint.close()
  return { config: llama.config, weights, vocabulary: checkpoint.vocabulary }
}

describe.skipIf(!hasData)('cria convert of stories260K', () => {
  const model = data('stories260K/stories260K.bin')
  const tokenizer = ['--tokenizer', data('stories260K/tok512.bin')]

  test.each<[string, string[]]>([
    ['model.gguf', tokenizer],
    ['folder', tokenizer],
    ['model.bin', []],
  ])('to %s and back keeps every weight and the config', async (name, options) => {
    const there = join(folder, name)
    const converted = await cria(['convert', model, there, ...options])
    expect(converted).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining(`${there}: `) })
    const original = await weightsOf(model)
    const result = await weightsOf(there)
    expect(result.config).toEqual(original.config)
    expect(result.weights).toEqual(original.weights)
  })

  test('a GGUF and a folder have the tokenizer too, in the form of each', async () => {
    const gguf = join(folder, 'with-tokenizer.gguf')
    const hf = join(folder, 'from-gguf')
    await cria(['convert', model, gguf, ...tokenizer])
    await cria(['convert', gguf, hf])
    expect((await weightsOf(gguf)).vocabulary?.kind).toBe('gguf')
    const args = ['tokenize', '--tokenizer', join(hf, 'tokenizer.model'), '--bos']
    expect((await cria(args, 'Once upon a time')).stdout).toBe('1 403 407 261 378\n')
  })

  test('the tokenizer beside a llama2.c file goes into its GGUF, its text for unknown pieces too', async () => {
    const gguf = join(folder, 'beside.gguf')
    expect(await cria(['convert', model, gguf])).toMatchObject({ code: 0 })
    const written = (await weightsOf(gguf)).vocabulary
    // tok512.model was trained with the escapes of U+2047 for its text, not with the character.
    expect(written).toMatchObject({ kind: 'gguf', unkSurface: String.raw` \342\201\207 ` })
  })

  test('--weights changes the type of the matrices, and later conversions keep it', async () => {
    const q8 = join(folder, 'q8.gguf')
    const again = join(folder, 'again.gguf')
    await cria(['convert', model, q8, '--weights', 'q8_0', ...tokenizer])
    await cria(['convert', q8, again])
    const checkpoint = await openPath(again)
    expect(checkpoint.tensors.get('blk.0.attn_q.weight')?.dtype).toBe('q8_0')
    expect(checkpoint.tensors.get('output_norm.weight')?.dtype).toBe('f32')
    await checkpoint.close()
    expect(readFileSync(again).equals(readFileSync(q8))).toBe(true)
  })

  test('--kv-heads pools them, at a price in perplexity', async () => {
    const pooled = join(folder, 'pooled.bin')
    expect((await cria(['convert', model, pooled, '--kv-heads', '2'])).code).toBe(0)
    expect((await weightsOf(pooled)).config).toMatchObject({ n_heads: 8, n_kv_heads: 2 })
    const story = join(folder, 'story.txt')
    writeFileSync(story, 'Once upon a time, there was a little girl named Lily. She loved to play outside in the park.')
    const perplexity = async (path: string): Promise<number> => {
      const { stdout } = await cria([
        'perplexity',
        '--model',
        path,
        ...tokenizer,
        '--text',
        story,
        '--device',
        'cpu',
        '--json',
      ])
      return JSON.parse(stdout).perplexity
    }
    const before = await perplexity(model)
    expect(before).toBeLessThan(4)
    expect(await perplexity(pooled)).toBeGreaterThan(before)
  })

  test.each<[string, string[], string, number]>([
    ['heads that do not divide', ['x.bin', '--kv-heads', '3'], 'n_kv_heads: is 4, which cannot be pooled to 3', 1],
    ['a type that the format lacks', ['x.bin', '--weights', 'f16'], 'llama2c files hold no f16 weights', 2],
    ['a tokenizer that the format lacks', ['x.bin', ...tokenizer], 'llama2c files hold no tokenizer', 2],
    ['an unknown type', ['x.gguf', '--weights', 'q3'], "argument 'q3' is invalid. Allowed choices are f32", 2],
    ['an unknown format', ['x', '--format', 'onnx'], "argument 'onnx' is invalid. Allowed choices are gguf", 2],
    ['a tokenizer of another model', ['x.gguf', '--tokenizer', data('llama2-tokenizer/tokenizer.model')], '32000', 1],
    ['a missing tokenizer', ['x.gguf', '--tokenizer', 'no-such.model'], 'no-such.model: does not exist', 1],
  ])('refuses %s, and leaves nothing', async (_, [name, ...args], message, exitCode) => {
    const there = join(folder, name)
    const { code, stderr } = await cria(['convert', model, there, ...args])
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(code).toBe(exitCode)
    expect(existsSync(there)).toBe(false)
  })

  test('refuses to write over the model itself, however it is named', async () => {
    const hf = join(folder, 'itself')
    await cria(['convert', model, hf, ...tokenizer])
    symlinkSync(hf, join(folder, 'link'))
    for (const [input, output] of [
      [model, model],
      [hf, hf],
      [join(hf, 'config.json'), hf],
      [hf, join(folder, 'link')],
    ]) {
      const { code, stderr } = await cria(['convert', input, output])
      expect(stderr).toContain('is the model itself: give another place')
      expect(code).toBe(2)
    }
  })

  test('refuses a folder with the weights of another model, and writes over its own', async () => {
    const hf = join(folder, 'mixed')
    expect((await cria(['convert', model, hf])).code).toBe(0)
    expect((await cria(['convert', model, hf, '--weights', 'f16'])).code).toBe(0)
    writeFileSync(join(hf, 'model.safetensors.index.json'), '{}')
    const { code, stderr } = await cria(['convert', model, hf])
    expect(stderr).toContain('mixed has model.safetensors.index.json of another model: give an empty folder')
    expect(code).toBe(2)
  })
})

test.each<[string, string, string]>([
  ['missing', 'no-such-model.gguf', 'no-such-model.gguf: does not exist'],
  ['no model', 'package.json', 'package.json'],
  ['a folder without one', 'packages', 'packages: has no model'],
])('a model that is %s is told by name', async (_, path, message) => {
  const { code, stderr } = await cria(['convert', path, join(folder, 'never')])
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/^cria: .*\n$/)
  expect(code).toBe(1)
})
