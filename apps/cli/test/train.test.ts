import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel } from 'cria'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cria, data, hasData, outcome, start } from './cria'

let folder: string
const stories = Array.from({ length: 60 }, (_, i) => {
  const who = ['cat', 'dog', 'hen', 'fox'][i % 4]
  return `The ${who} sat on mat ${i}. The ${who} saw a red hat, and the ${who} ran away.`
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-train-'))
  writeFileSync(join(folder, 'text.txt'), stories.map(story => `${story}\n<|endoftext|>\n`).join(''))
  writeFileSync(join(folder, 'lines.txt'), stories.join('\n'))
  const tokenizer = ['--input', join(folder, 'lines.txt'), '--vocab-size', '300', '--character-coverage', '1']
  expect(await cria(['train-tokenizer', ...tokenizer, '--output', join(folder, 'tokenizer.model')])).toMatchObject({
    code: 0,
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

let run = 0
beforeEach(() => {
  run++
})

const config = (changes: object = {}) => ({
  model: { dim: 16, n_layers: 2, n_heads: 2, n_kv_heads: 1, hidden_dim: 32, max_seq_len: 32 },
  tokenizer: 'tokenizer.model',
  data: {
    sources: [{ name: 'stories', share: 1, files: ['text.txt'], separator: '<|endoftext|>' }],
    shards: 'shards',
    rowTokens: 32,
  },
  training: { tokens: 12 * 64, batchTokens: 64, learningRate: 0.01, warmupSteps: 2 },
  evaluation: { every: 6, texts: ['text.txt'], documents: 5 },
  samples: { every: 6, prompts: ['The'], maxTokens: 8 },
  checkpoints: { every: 5, keep: 2 },
  output: `run-${run}`,
  ...changes,
})

/** Writes a config, and trains by it. */
const train = (changes: object = {}, ...args: string[]) => {
  const path = join(folder, `config-${run}.json`)
  writeFileSync(path, JSON.stringify(config(changes)))
  return ['train', '--config', path, '--device', 'cpu', ...args]
}

const weights = (output: string, step: number) =>
  readFileSync(join(folder, output, `step-${String(step).padStart(8, '0')}`, 'model.safetensors'))

test('a model is trained, and everything that loads models loads it', async () => {
  const { code, stdout, stderr } = await cria(train())
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatch(/step 12\/12, loss \d\.\d+, lr .*, norm .*, \d+ tokens\/s, stories 100\.0%, .* left/)
  expect(stderr).toMatch(/step 12, held out \(5 documents\): .* bits per byte, perplexity/)
  expect(stderr).toMatch(/step 12, sample: The/)
  const saved = join(folder, `run-${run}`, 'step-00000012')
  expect(readdirSync(saved).sort()).toEqual([
    ...['config.json', 'model.safetensors', 'tokenizer.model', 'training.json', 'training.safetensors'],
  ])
  expect(readFileSync(join(folder, `run-${run}`, 'report.html'), 'utf8')).toContain('<svg')
  const text = await cria(['generate', '--model', saved, '--prompt', 'The', '--max-tokens', '4', '--device', 'cpu'])
  expect(text).toMatchObject({ code: 0 })
  const scored = await cria([
    'evaluate',
    '--model',
    saved,
    '--text',
    join(folder, 'text.txt'),
    '--device',
    'cpu',
    '--json',
  ])
  expect(JSON.parse(scored.stdout)).toMatchObject({ documents: 60, split: 60, context: 32 })
  const gguf = join(folder, 'model.gguf')
  expect(await cria(['convert', saved, gguf, '--weights', 'f32'])).toMatchObject({ code: 0 })
})

test('--steps stops, --resume continues to the same weights', async () => {
  await cria(train({ output: 'whole' }))
  const first = await cria(train({}, '--steps', '7'))
  expect(first.stderr).toContain('step-00000007')
  const second = await cria(train({}, '--resume', join(folder, `run-${run}`)))
  expect(second, second.stderr).toMatchObject({ code: 0 })
  expect(second.stderr).toContain('step 7 of 12')
  expect(weights(`run-${run}`, 12).equals(weights('whole', 12))).toBe(true)
})

test('Ctrl-C saves the last step', async () => {
  const long = { training: { ...config().training, tokens: 1e6 }, checkpoints: { every: 1e6, keep: 1 } }
  const child = start(train(long))
  child.stderr.on('data', (text: Buffer) => {
    if (/step \d+\/\d+, loss/.test(String(text))) child.kill('SIGINT')
  })
  const { code, stderr } = await outcome(child)
  expect({ code }, stderr).toEqual({ code: 130 })
  expect(stderr).toMatch(/saved .*step-\d+/)
  expect(await cria(train(long, '--resume', join(folder, `run-${run}`), '--steps', '1'))).toMatchObject({ code: 0 })
})

test('--model fine-tunes a model, by LoRA', async () => {
  await cria(train({ output: 'base' }))
  const base = join(folder, 'base', 'step-00000012')
  const changes = { model: undefined, tokenizer: undefined, lora: { rank: 2, matrices: ['wq', 'w2'] } }
  const tuned = await cria(train(changes, '--model', base))
  expect(tuned, tuned.stderr).toMatchObject({ code: 0 })
  const saved = join(folder, `run-${run}`, 'step-00000012')
  expect(await cria(['generate', '--model', saved, '--max-tokens', '2', '--device', 'cpu'])).toMatchObject({ code: 0 })
  expect(weights(`run-${run}`, 12).length).toBe(weights('base', 12).length)
  expect(weights(`run-${run}`, 12).equals(weights('base', 12))).toBe(false)
})

test('--model takes a GGUF of a byte-level tokenizer; saved steps keep tokenizer, chat template and end tokens', async () => {
  const fixture = (name: string) => fileURLToPath(new URL(`fixtures/saved/${name}`, import.meta.url))
  const sources = [{ name: 'lines', share: 1, files: ['text.txt'], separator: '<|endoftext|>' }]
  const changes = {
    ...{ model: undefined, tokenizer: undefined, evaluation: undefined, samples: undefined },
    data: { sources, shards: `byte-level-${run}`, rowTokens: 32, bos: false },
    training: { ...config().training, tokens: 2 * 64 },
  }
  const { code, stderr } = await cria(train(changes, '--model', fixture('byte-level.gguf')))
  expect({ code }, stderr).toEqual({ code: 0 })
  const saved = join(folder, `run-${run}`, 'step-00000002')
  const tokenize = async (tokenizer: string) =>
    (await cria(['tokenize', '--tokenizer', tokenizer, '--jsonl'], '"The cat sat on a mat, ran 12 times."\n')).stdout
  const ids = await tokenize(join(fixture('byte-level'), 'tokenizer.json'))
  expect(ids).toMatch(/^\[\d+,/)
  expect(await tokenize(join(saved, 'tokenizer.json'))).toBe(ids)
  const settings = async (model: string) => {
    await using loaded = await loadModel(model, { device: 'cpu' })
    return { templates: [...loaded.chatTemplates], stops: loaded.defaults.stopIds }
  }
  expect(await settings(saved)).toEqual(await settings(fixture('byte-level.gguf')))
})

test('--model takes a URL as it is', async () => {
  const changes = { model: undefined, tokenizer: undefined }
  const { code, stderr } = await cria(train(changes, '--model', 'http://127.0.0.1:9/model.gguf'))
  expect(code).toBe(1)
  expect(stderr).toMatch(/^cria: http:\/\/127\.0\.0\.1:9\/model\.gguf/m)
})

describe('bad input is told in one line, and leaves nothing', () => {
  test.each<[string, object, string[], number, string]>([
    ['an unknown key', { lr: 1 }, [], 1, 'config.lr: is not a key of a training config'],
    ['a missing key', { output: undefined }, [], 1, 'config.output: is missing'],
    [
      'shares that do not sum to one',
      { data: { ...config().data, sources: [{ ...config().data.sources[0], share: 0.5 }] } },
      [],
      1,
      'sum to',
    ],
    [
      'a missing text',
      { data: { ...config().data, sources: [{ ...config().data.sources[0], name: 'other', files: ['none.txt'] }] } },
      [],
      1,
      'none.txt',
    ],
    ['a batch that is not whole rows', { training: { ...config().training, batchTokens: 65 } }, [], 1, 'batchTokens'],
    ['a run that does not exist', {}, ['--resume', 'nowhere'], 1, 'no saved step'],
    ['a device that computes nothing', {}, ['--device', 'shape'], 2, '--device is shape'],
    ['threads of another device', {}, ['--threads', '2'], 2, '--threads is for the device simd'],
  ])('%s', async (_, changes, args, code, message) => {
    const { code: found, stdout, stderr } = await cria(train(changes, ...args))
    expect({ code: found, stdout }, stderr).toEqual({ code, stdout: '' })
    expect(stderr.trimEnd().split('\n').at(-1)).toContain(message)
    expect(existsSync(join(folder, `run-${run}`, 'log.jsonl'))).toBe(false)
  })

  test('a folder with a run, and another config for it', async () => {
    await cria(train({}, '--steps', '1'))
    expect((await cria(train())).stderr).toContain('has saved steps of a run: resume it')
    const other = { training: { ...config().training, learningRate: 0.02 } }
    const { code, stderr } = await cria(train(other, '--resume', join(folder, `run-${run}`)))
    expect(code).toBe(1)
    expect(stderr).toContain('config.training.learningRate was 0.01 and is 0.02')
  })
})

test('a loss that is not finite stops the run, and names the step, the op and the last good checkpoint', async () => {
  const training = { ...config().training, learningRate: 1e36, warmupSteps: 0 }
  const { code, stderr } = await cria(train({ training, checkpoints: { every: 1, keep: 1 } }))
  expect({ code }, stderr).toEqual({ code: 1 })
  const line = stderr.trimEnd().split('\n').at(-1)
  expect(line).toMatch(
    /^cria: step 2: the (loss|gradient norm) is not finite, and the first op with such an output is \w+;/,
  )
  expect(line).toContain(`the last good checkpoint is ${join(folder, `run-${run}`, 'step-00000001')}:`)
})

test('a second run in the same folder is refused while the first is running', async () => {
  const long = { training: { ...config().training, tokens: 1e6 }, evaluation: undefined, samples: undefined }
  const child = start(train(long))
  const ended = outcome(child)
  await new Promise<void>(resolve =>
    child.stderr.on('data', (text: Buffer | string) => {
      if (String(text).includes('loss')) resolve()
    }),
  )
  const { code, stderr } = await cria(train(long))
  child.kill('SIGKILL')
  await ended
  expect({ code }, stderr).toEqual({ code: 1 })
  expect(stderr).toContain(`run-${run} is in use by process ${child.pid} on`)
})

describe.skipIf(!hasData)('stories260K', () => {
  const model = ['--model', data('stories260K/stories260K.bin'), '--tokenizer', data('stories260K/tok512.model')]
  const valid = data('stories/tinystories-v1-valid.txt')

  test.skipIf(!existsSync(valid))('is scored as an independent program scored it', async () => {
    // 930 documents in f32 by PyTorch: 1.034 bits per byte as the text is, 0.988 with single line ends; here the first 40.
    const args = ['evaluate', ...model, '--text', valid, '--documents', '40', '--device', 'simd', '--json']
    const found = await cria([...args, '--newlines', 'single'])
    expect(found, found.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(found.stdout).bitsPerByte).toBeCloseTo(0.8301286, 4)
  })

  test.each<[string, object]>([
    ['all weights', {}],
    ['adapters', { lora: { rank: 4, alpha: 8, matrices: ['wq', 'wk', 'wv', 'wo', 'w1', 'w2', 'w3'] } }],
  ])('fine-tunes on fables by %s, and the loss falls', async (name, more) => {
    const fables = data('stories/tinyfabulist-fables.txt')
    // A llama2.c file has no tokenizer in it.
    const shared = {
      ...{ model: undefined, samples: undefined, evaluation: undefined },
      ...{ from: model[1], tokenizer: model[3] },
    }
    const rowTokens = 128
    const sources = [{ name: 'fables', share: 1, files: [fables], separator: '<|endoftext|>' }]
    const training = {
      tokens: 30 * 512,
      batchTokens: 512,
      learningRate: name === 'adapters' ? 5e-3 : 1e-3,
      warmupSteps: 3,
    }
    const changes = { ...shared, data: { sources, shards: 'fables', rowTokens }, training, ...more }
    const args = train(changes).map(arg => (arg === 'cpu' ? 'simd' : arg))
    const found = await cria(args)
    expect(found, found.stderr).toMatchObject({ code: 0 })
    const losses = readFileSync(join(folder, `run-${run}`, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).loss)
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)) - 0.1)
    const saved = join(folder, `run-${run}`, 'step-00000030')
    expect(await cria(['convert', saved, join(folder, `${name}.gguf`)])).toMatchObject({ code: 0 })
  })
})
