import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolveConfig } from '@cria/llama'
import { expect, test } from 'vitest'
import { findOnnx } from '../src/inference/onnx'

const fixture = fileURLToPath(new URL('./fixtures/tiny-onnx', import.meta.url))
const sizes = { dim: 64, n_layers: 1, n_heads: 2, n_kv_heads: 1, hidden_dim: 96, vocab_size: 320 }
const config = (others = {}) => resolveConfig({ ...sizes, norm_eps: 1e-5, max_seq_len: 128, ...others })

/** A copy of the fixture, changed. */
const changed = async (change: (folder: string) => Promise<unknown>, use: (folder: string) => Promise<unknown>) => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-onnx-'))
  await cp(fixture, folder, { recursive: true })
  await change(folder)
  await use(folder).finally(() => rm(folder, { recursive: true }))
}

test('the only type of a folder is found, and one that is asked for', async () => {
  const found = { folder: fixture, type: 'q4' }
  expect(await findOnnx(fixture, undefined, config())).toEqual(found)
  expect(await findOnnx(fixture, 'q4', config())).toEqual(found)
})

test.each([
  [{ dim: 32 }, 'its hidden_size is 64, and that of --model is 32'],
  [{ hidden_dim: 128 }, 'its intermediate_size is 96, and that of --model is 128'],
  [{ n_layers: 2 }, 'its num_hidden_layers is 1, and that of --model is 2'],
  [{ n_heads: 4 }, 'its num_attention_heads is 2, and that of --model is 4'],
  [{ n_kv_heads: 2 }, 'its num_key_value_heads is 1, and that of --model is 2'],
  [{ vocab_size: 300 }, 'its vocab_size is 320, and that of --model is 300'],
])('another model is refused: %j', async (others, message) => {
  await expect(findOnnx(fixture, undefined, config(others))).rejects.toMatchObject({
    name: 'UsageError',
    message: `--onnx ${fixture}: it is another model: ${message}`,
  })
})

test('a type that is not there is refused', async () => {
  await expect(findOnnx(fixture, 'fp16', config())).rejects.toThrow(`--onnx ${fixture}: it has q4, and not fp16`)
})

test('of two types one must be named', () =>
  changed(
    folder => writeFile(join(folder, 'onnx/model_q4f16.onnx'), ''),
    async folder => {
      await expect(findOnnx(folder, undefined, config())).rejects.toThrow('it has q4 and q4f16: say which')
      expect(await findOnnx(folder, 'q4f16', config())).toMatchObject({ type: 'q4f16' })
    },
  ))

test.each([
  ['no config.json', (folder: string) => rm(join(folder, 'config.json')), 'it has no config.json'],
  ['a broken config', (folder: string) => writeFile(join(folder, 'config.json'), '{'), 'config.json is not valid JSON'],
  [
    'a config of null',
    (folder: string) => writeFile(join(folder, 'config.json'), 'null'),
    'its hidden_size is undefined',
  ],
  ['no model', (folder: string) => rm(join(folder, 'onnx'), { recursive: true }), 'it has no onnx/model.onnx'],
])('a folder with %s is refused', (_, change, message) =>
  changed(change, folder => expect(findOnnx(folder, undefined, config())).rejects.toThrow(message)),
)
