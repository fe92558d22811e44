import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GgufEntry, type OutputTensor, writeGgufFile } from '@cria/checkpoint'
import { saveFiles } from '@cria/checkpoint/node'
import { llamaWeights, memoryLlama, resolveConfig, writeHuggingFace } from '@cria/llama'
import { trainTokenizer } from '@cria/tokenizer'
import { refereeNumbers } from '@cria/vitest/random'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Architecture, loadModel } from '../src'

// A user's architecture loads a model that `loadModel` does not know: Mistral. transformers applies its window too
// (tooling/referee/models/mistral.py).

interface Fixture {
  readonly seed: number
  readonly window: number
  readonly ids: readonly number[]
  readonly config: Parameters<typeof resolveConfig>[0]
  readonly logits: string
}

// The example of another package, imported by path because it is not exported.
const { mistral }: { mistral: Architecture } = await import(
  new URL('../../llama2/examples/mistral.ts', import.meta.url).href
)

const fixture: Fixture = JSON.parse(await readFile(new URL('./fixtures/mistral.json', import.meta.url), 'utf8'))
const config = resolveConfig(fixture.config)

/** The referee's weights: one stream of a 32-bit generator, in the order of the model's parameters. */
const drawWeights = (): Map<string, Float32Array<ArrayBuffer>> => {
  const next = refereeNumbers(fixture.seed)
  const order = (path: string) =>
    [
      'tok_emb',
      '.wq',
      '.wk',
      '.wv',
      '.wo',
      '.w1',
      '.w2',
      '.w3',
      'attention_norm',
      'ffn_norm',
      'norm',
      'output',
    ].findIndex(part => path.includes(part))
  const layerOf = (path: string) => (path.startsWith('layers.') ? Number(path.split('.')[1]) : 0)
  const group = (path: string) => (path.startsWith('tok') ? 0 : path.startsWith('layers') ? 1 : 2)
  const weights = [...llamaWeights(config)].sort(
    (a, b) => group(a.path) - group(b.path) || layerOf(a.path) - layerOf(b.path) || order(a.path) - order(b.path),
  )
  return new Map(
    weights.map(({ path, shape }) => {
      const centre = path.includes('norm') ? 1 : 0
      const size = shape.reduce((product, axis) => product * axis, 1)
      return [path, Float32Array.from({ length: size }, () => centre + (next() - 0.5))]
    }),
  )
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-mistral-'))
  const arrays = drawWeights()
  const model = memoryLlama(config, arrays)
  await saveFiles(join(folder, 'safetensors'), writeHuggingFace(model))
  const path = join(folder, 'safetensors', 'config.json')
  const json = { ...JSON.parse(await readFile(path, 'utf8')), model_type: 'mistral', sliding_window: fixture.window }
  await writeFile(path, JSON.stringify({ ...json, architectures: ['MistralForCausalLM'] }))
  await writeGguf(join(folder, 'mistral.gguf'), arrays)
})
afterAll(() => rm(folder, { recursive: true }))

/** As llama.cpp would write it: keys of the architecture's own name. */
const writeGguf = async (path: string, arrays: ReadonlyMap<string, Float32Array<ArrayBuffer>>) => {
  const count = (key: string, value: number): GgufEntry => [`mistral.${key}`, { type: 'u32', value }]
  const entries: GgufEntry[] = [
    ['general.architecture', { type: 'string', value: 'mistral' }],
    count('context_length', config.max_seq_len),
    count('embedding_length', config.dim),
    count('block_count', config.n_layers),
    count('feed_forward_length', config.hidden_dim),
    count('attention.head_count', config.n_heads),
    count('attention.head_count_kv', config.n_kv_heads),
    count('attention.sliding_window', fixture.window),
    ['mistral.attention.layer_norm_rms_epsilon', { type: 'f32', value: config.norm_eps }],
  ]
  const tensors = [...llamaWeights(config)].map(
    ({ path: name, gguf, shape }): OutputTensor => ({
      ...{ name: gguf, shape, dtype: 'f32' },
      bytes: async () => new Uint8Array((arrays.get(name) as Float32Array<ArrayBuffer>).buffer),
    }),
  )
  await saveFiles(folder, [writeGgufFile('mistral.gguf', entries, tensors)])
  return path
}

const tokenizer = await trainTokenizer(['a b'], { vocabSize: 262, characterCoverage: 1 })

test.each(['safetensors', 'mistral.gguf'])('Mistral loads from %s, and transformers agrees', async name => {
  const options = { device: 'cpu', tokenizer, architectures: [mistral] } as const
  await using model = await loadModel(join(folder, name), options)
  const expected = new Float32Array(Uint8Array.from(Buffer.from(fixture.logits, 'base64')).buffer)
  const relative = (found: Float32Array) =>
    Math.max(...found.map((value, i) => Math.abs(value - expected[i]))) / Math.max(...expected.map(Math.abs))
  using whole = model.forward(fixture.ids)
  expect(relative(await whole.read())).toBeLessThan(1e-4)
  // Token by token, too: the window is a range of rows of the cache.
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: 64 })
  for (const id of fixture.ids.slice(0, -1)) model.forward([id], sequence).dispose()
  using last = model.forward(fixture.ids.slice(-1), sequence)
  expect(relative(await last.read())).toBeLessThan(1e-4)
})

test('without the architecture it is refused, and the error names its type', async () => {
  await expect(loadModel(join(folder, 'safetensors'), { device: 'cpu', tokenizer })).rejects.toThrow('"mistral"')
})

test('the example is short', async () => {
  const path = fileURLToPath(new URL('../../llama2/examples/mistral.ts', import.meta.url))
  expect((await readFile(path, 'utf8')).trimEnd().split('\n').length).toBeLessThan(100)
})
