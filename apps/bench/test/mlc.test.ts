import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig } from '@cria/llama'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findMlc } from '../src/inference/mlc'

const config = resolveConfig({
  ...{ dim: 64, n_layers: 1, n_heads: 2, n_kv_heads: 1, hidden_dim: 96, vocab_size: 320 },
  ...{ norm_eps: 1e-5, max_seq_len: 128 },
})
const sizes = {
  ...{ hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 },
  ...{ intermediate_size: 96, vocab_size: 320 },
}

let folder: string
const write = (name: string, content: object | string) =>
  writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-mlc-'))
  await write('mlc-chat-config.json', { model_config: sizes, quantization: 'q4f16_1' })
  await write('tensor-cache.json', {})
  await write('tiny-q4f16_1-webgpu.wasm', '')
})
afterEach(() => rm(folder, { recursive: true }))

test('a model and its library are found', async () => {
  const found = { folder, quantization: 'q4f16_1', library: 'tiny-q4f16_1-webgpu.wasm' }
  expect(await findMlc(folder, config)).toEqual(found)
})

test.each([
  ['no config', () => rm(join(folder, 'mlc-chat-config.json')), 'it has no mlc-chat-config.json'],
  ['a broken config', () => write('mlc-chat-config.json', '{'), 'its mlc-chat-config.json is not valid JSON'],
  [
    'a config without sizes',
    () => write('mlc-chat-config.json', 'null'),
    'it is another model: its hidden_size is undefined',
  ],
  [
    'other sizes',
    () => write('mlc-chat-config.json', { model_config: { ...sizes, hidden_size: 32 } }),
    'it is another model: its hidden_size is 32, and that of --model is 64',
  ],
  ['no quantization', () => write('mlc-chat-config.json', { model_config: sizes }), 'names no quantization'],
  ['no weights', () => rm(join(folder, 'tensor-cache.json')), 'it has no weights (tensor-cache.json)'],
  ['no library', () => rm(join(folder, 'tiny-q4f16_1-webgpu.wasm')), 'it has 0 files that end in .wasm'],
  ['two libraries', () => write('other.wasm', ''), 'it has 2 files that end in .wasm'],
])('a folder with %s is refused', async (_, change, problem) => {
  await change()
  await expect(findMlc(folder, config)).rejects.toMatchObject({
    name: 'UsageError',
    message: expect.stringContaining(`--mlc ${folder}: `),
  })
  await expect(findMlc(folder, config)).rejects.toThrow(problem)
})
