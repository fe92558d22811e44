import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from '@cria/browser'
import { saveFile } from '@cria/checkpoint/node'
import type { LlamaConfig } from '@cria/llama'
import { CommanderError } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageError } from '../src/errors'
import { createProgram } from '../src/program'
import { syntheticGguf } from '../src/synthetic/file'
import { syntheticLlama } from '../src/synthetic/weights'
import { dataPath, model as vocabulary, worst } from '../src/tokenizer/texts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** The built command as a child process. */
const bench = (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args])
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })

/** A model of a few thousand parameters, with the tokenizer that llama.cpp insists on. */
const tiny: LlamaConfig = {
  dim: 64,
  n_layers: 1,
  n_heads: 2,
  n_kv_heads: 1,
  hidden_dim: 96,
  vocab_size: 320,
  norm_eps: 1e-5,
  max_seq_len: 128,
  rope_theta: 10_000,
  tied_output: false,
}

let folder: string
let model: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-bench-'))
  model = join(folder, 'tiny.gguf')
  await saveFile(model, syntheticGguf(syntheticLlama('tiny', tiny), 'f32'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a wrong command line is refused in one line', () => {
  test.each([
    [['inference'], "required option '--model <model>' not specified"],
    [
      ['inference', '--model', 'synth:13b'],
      'There are synth:10m, synth:15m, synth:42m, synth:110m, synth:1b, synth:7b.',
    ],
    [['inference', '--model', 'synth:15m', '--weights', 'q9_0'], 'Allowed choices are f32, f16, bf16, q4_0, q4_1,'],
    [['inference', '--model', 'synth:15m', '--tokens', '0'], 'Expected a whole number of at least 1.'],
    [
      ['inference', '--model', 'synth:15m', '--peer', 'ollama'],
      'There are llama-bench, node-llama-cpp, wllama, transformers.js, web-llm.',
    ],
    [['inference', '--model', 'synth:15m', '--node', 'latest'], '--node latest is neither a file nor a version'],
    [['inference', '--model', 'synth:15m', '--depth', '8'], '--depth 8 is less than --prompt 128'],
    [['inference', '--model', 'synth:15m', '--peer', 'wllama', '--depth', '256'], 'decodes behind its prompt alone'],
    [['inference', '--model', 'synth:15m', '--peer', 'node-llama-cpp', '--batch', '8'], 'decodes one sequence here'],
    [['inference', '--model', 'synth:15m', '--peer', 'wllama', '--cache', 'f32'], 'keeps its own type of cache here'],
    [['inference', '--model', 'synth:15m', '--peer', 'transformers.js'], 'and --onnx need each other'],
    [['inference', '--model', 'synth:15m', '--onnx', '.'], 'and --onnx need each other'],
    [['inference', '--model', 'synth:15m', '--onnx-type', 'q4'], '--onnx-type needs --onnx'],
    [['inference', '--model', 'synth:15m', '--peer', 'web-llm'], 'and --mlc need each other'],
    [['inference', '--model', 'synth:15m', '--mlc', '.'], 'and --mlc need each other'],
    [['inference', '--model', 'synth:15m', '--peer', 'web-llm', '--mlc', '.'], 'needs --device webgpu'],
    [['inference', '--model', 'synth:15m', '--load', '--tokens', '5'], '--tokens has no meaning with --load'],
    [['inference', '--model', 'synth:15m', '--llama-bench', 'x'], '--llama-bench needs --peer llama-bench'],
    [['inference', '--model', 'synth:15m', '--peer', 'llama-bench', '--llama-bench', '/no/x'], 'there is no /no/x'],
    [['ops', '--op', 'convolution'], '--op convolution: there are adamw, addBias'],
    [['ops', '--device', 'tpu'], '--device tpu: there are webgpu'],
    [['ops', '--device', 'cpu', '--software'], '--software is for --device webgpu'],
    [['ops', '--subgroup-matrices'], '--subgroup-matrices is for --device webgpu'],
    [['training', '--size', '7B'], '--size 7B: there are 1.2M, 5M, 13.8M'],
    [['training', '--compile'], '--compile needs --peer pytorch'],
    [['training', '--peer', 'tfjs', '--python', 'python3'], '--python needs --peer pytorch'],
    [['training', '--peer', 'tensorflow'], 'There are pytorch, tfjs, jax-js.'],
    [['load', '--gigabytes', '0'], 'Expected a number from 0.4 to 100.'],
    [['tokenizer', '--worst-cases', '--rounds', '0'], 'Expected a whole number of at least 1.'],
    [['tokenizer', '--train', '--rounds', '3'], '--rounds: training runs once, so leave it out'],
    [['no-such-command'], "unknown command 'no-such-command'"],
  ])('%j', async (args, message) => {
    const error = await createProgram()
      .parseAsync(args, { from: 'user' })
      .then(
        () => undefined,
        (error: Error) => error,
      )
    expect(error?.message).toContain(message)
    expect(error?.message.trim()).not.toContain('\n')
    expect(error instanceof UsageError || error instanceof CommanderError).toBe(true)
  })
})

test('a refusal is one line on standard error, and code 2', async () => {
  const refused = {
    code: 2,
    stdout: '',
    stderr: 'bench: --subgroup-matrices is for --device webgpu: add that, or leave it out\n',
  }
  expect(await bench('ops', '--subgroup-matrices')).toEqual(refused)
  const unknown = { code: 2, stdout: '', stderr: "bench: unknown command 'no-such-command'\n" }
  expect(await bench('no-such-command')).toEqual(unknown)
})

const short = ['--prompt', '8', '--tokens', '4', '--rounds', '2', '--threads', '1']

test('a device that cannot run is an error that names the contender', async () => {
  const { code, stderr } = await bench('inference', '--model', model, '--device', 'webgl2', ...short)
  expect(stderr).toContain('Cria in Node: DeviceUnavailableError: device "webgl2" cannot run here')
  expect(code).toBe(1)
})

test('a Node that does not run is an error that names the contender', async () => {
  const { code, stderr } = await bench('inference', '--model', model, '--node', model, ...short)
  expect(stderr).toContain('bench: ceilings in Node: its process does not run')
  expect(code).toBe(1)
})

test('a stream longer than the context is refused before anything starts', async () => {
  const { code, stderr } = await bench('inference', '--model', model, '--prompt', '100')
  expect(stderr).toBe("bench: --prompt, --depth and --tokens need a context of 164, and the model's is 128\n")
  expect(code).toBe(2)
})

test('a mixture of types is not a type for weights', async () => {
  const { code, stderr } = await bench('inference', '--model', model, '--weights', 'q4_k_m', ...short)
  expect(stderr).toContain('--weights q4_k_m is a mixture of types')
  expect(code).toBe(2)
})

test('inference alone is timed against the ceilings of its Node', async () => {
  const json = join(folder, 'inference.json')
  const where = ['--device', 'cpu', '--node', process.execPath]
  const { code, stdout, stderr } = await bench('inference', '--model', model, ...where, ...short, '--json', json)
  expect(stderr).toMatch(/Cria in Node: Node v.*, device cpu/)
  expect(code).toBe(0)
  expect(stdout).toContain('prefill tokens/s')
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(data.work).toMatchObject({ weights: ['f32'], prompt: 8, depth: 8, tokens: 4, sequences: 1 })
  expect(data.ratios).toEqual([])
  expect(data.ceilings[0].samples).toHaveLength(2)
  const [{ decode, prefill, bandwidthShare }] = data.contenders
  for (const { samples } of [decode, prefill, bandwidthShare]) {
    expect(samples).toHaveLength(2)
    expect(Math.min(...samples)).toBeGreaterThan(0)
  }
})

test('sequences are decoded together behind a depth, beside one sequence alone', async () => {
  const json = join(folder, 'batch.json')
  const flags = ['--device', 'simd', '--batch', '3', '--depth', '16', '--cache', 'f32', '--json', json]
  const { code, stdout, stderr } = await bench('inference', '--model', model, ...flags, ...short)
  expect(stderr).toMatch(/Cria in Node: Node v.*, cache f32, 3 sequences/)
  expect(code).toBe(0)
  expect(stdout).toContain('Cria in Node / Cria in Node, one sequence')
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(data.work).toMatchObject({ prompt: 8, depth: 16, sequences: 3 })
  expect(data.ratios).toHaveLength(1)
})

test('--load times new processes up to the first token', async () => {
  const json = join(folder, 'load.json')
  const flags = ['--load', '--device', 'cpu', '--threads', '1', '--rounds', '2', '--json', json]
  const { code, stdout } = await bench('inference', '--model', model, ...flags)
  expect(code).toBe(0)
  expect(stdout).toContain('to the first token, prompt of 8')
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(data.results.map(({ name }: { name: string }) => name)).toEqual(['Cria in Node'])
  expect(data.results[0].seconds.samples).toHaveLength(2)
})

const installed = (peer: string) => existsSync(fileURLToPath(new URL(`../peers/node_modules/${peer}`, import.meta.url)))

test.skipIf(!installed('node-llama-cpp'))('node-llama-cpp loads what we write, and is compared with', async () => {
  const { code, stdout, stderr } = await bench(
    'inference',
    '--model',
    model,
    '--peer',
    'node-llama-cpp',
    '--depth',
    '12',
    ...short,
  )
  expect(stderr).toMatch(/node-llama-cpp: Node v.*, native/)
  expect(code).toBe(0)
  expect(stdout).toContain('Cria in Node / node-llama-cpp')
})

const browser = installed('@wllama/wllama') && chromium
test.skipIf(!browser)('wllama loads what we write, in its own browser, and is compared with', async () => {
  const { code, stdout, stderr } = await bench('inference', '--model', model, '--peer', 'wllama', ...short)
  expect(stderr).toContain('wllama: Chromium')
  expect(code).toBe(0)
  expect(stdout).toContain('Cria in Chromium / wllama')
})

const onnx = fileURLToPath(new URL('./fixtures/tiny-onnx', import.meta.url))

test.skipIf(!(chromium && installed('@huggingface/transformers')))(
  'transformers.js runs the same model as ONNX, and is compared with',
  async () => {
    const flags = ['--peer', 'transformers.js', '--onnx', onnx, ...short]
    const { code, stdout, stderr } = await bench('inference', '--model', model, ...flags)
    expect(stderr).toContain('Cria in Chromium: Chromium')
    expect(stderr).toMatch(/transformers\.js: Chromium .*, wasm, q4, 1 thread/)
    expect(code).toBe(0)
    expect(stdout).toContain('Cria in Chromium / transformers.js')
  },
)

test.skipIf(!(chromium && installed('@huggingface/transformers')))(
  'on webgpu all of a page run on the GPU, beside ceilings in WGSL and cpu',
  async () => {
    const json = join(folder, 'page.json')
    const where = ['--device', 'webgpu', '--software', '--tune', 'on', '--json', json]
    const flags = ['--peer', 'transformers.js', '--onnx', onnx, ...where, ...short]
    const { code, stderr } = await bench('inference', '--model', model, ...flags)
    expect(stderr).toMatch(/ceilings of WebGPU in Chromium: .* WGSL/)
    expect(stderr).toMatch(/transformers\.js: Chromium .*, webgpu, q4/)
    expect(code).toBe(0)
    const { data } = JSON.parse(await readFile(json, 'utf8'))
    const { agreement, variants } = data.contenders[0].details
    expect(agreement).toEqual({ same: 16, of: 16 })
    for (const { chosen, standard, microseconds } of variants)
      expect(microseconds[chosen]).toBeLessThan(microseconds[standard])
  },
)

test.skipIf(!(chromium && installed('@mlc-ai/web-llm')))('web-llm refuses a library of another version', async () => {
  const mlc = join(folder, 'mlc')
  await mkdir(mlc)
  const { dim, n_layers, n_heads, n_kv_heads, hidden_dim, vocab_size } = tiny
  const sizes = {
    ...{ hidden_size: dim, num_hidden_layers: n_layers, num_attention_heads: n_heads },
    ...{ num_key_value_heads: n_kv_heads, intermediate_size: hidden_dim, vocab_size },
  }
  const config = { model_config: sizes, quantization: 'q0f32', tokenizer_files: ['tokenizer.json'] }
  await writeFile(join(mlc, 'mlc-chat-config.json'), JSON.stringify(config))
  await writeFile(join(mlc, 'tensor-cache.json'), '{}')
  // A module that imports a function which WebLLM does not have: (import "env" "f" (func)).
  const head = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00]
  await writeFile(
    join(mlc, 'tiny.wasm'),
    Uint8Array.of(...head, 0x02, 0x09, 0x01, 0x03, ...Buffer.from('env\x01f'), 0, 0),
  )
  const flags = ['--device', 'webgpu', '--software', '--tune', 'off', '--peer', 'web-llm', '--mlc', mlc]
  const { code, stderr } = await bench('inference', '--model', model, ...flags, ...short)
  expect(stderr).toMatch(/^bench: web-llm: in the page: .*the library was not made for WebLLM 0\.2\.\d+: /m)
  expect(code).toBe(1)
})

test.skipIf(!browser)('a GPU that is software is refused in a page too, and one that wllama cannot use', async () => {
  const flags = ['--model', model, '--device', 'webgpu', '--peer', 'wllama', ...short]
  const refused = await bench('inference', ...flags)
  expect(refused.stderr).toMatch(/^bench: Cria in Chromium: in the page: .*software adapter here, .*add --software/m)
  expect(refused.code).toBe(1)
  const unusable = await bench('inference', ...flags, '--software')
  expect(unusable.stderr).toMatch(/^bench: wllama: in the page: .*it cannot use this GPU$/m)
  expect(unusable.code).toBe(1)
})

const hasWorstTexts = [vocabulary, ...Object.values(worst)].every(path => existsSync(dataPath(path)))

test.skipIf(!hasWorstTexts)('the worst cases of the tokenizer are timed, and no other tokenizer', async () => {
  const [json, html] = [join(folder, 'tokenizer.json'), join(folder, 'tokenizer.html')]
  const flags = ['--worst-cases', '--rounds', '2', '--json', json, '--html', html]
  const { code, stdout, stderr } = await bench('tokenizer', ...flags)
  expect(stderr).toContain('round 2 of 2')
  expect(code).toBe(0)
  const cases = ['prose', 'prose without a space', 'one letter', 'Chinese characters']
  for (const name of cases) expect(stdout).toMatch(new RegExp(`^${name} +[\\d.]+ m?s +[\\d.]+ \\(`, 'm'))
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(Object.keys(data)).toEqual(['worstCases'])
  expect(data.worstCases.map(({ name }: { name: string }) => name)).toEqual(cases)
  expect(data.worstCases[1].times.samples).toHaveLength(2)
  expect(await readFile(html, 'utf8')).toContain('<svg')
})

test('ops are timed and reported as text, JSON and HTML', async () => {
  const [json, html] = [join(folder, 'ops.json'), join(folder, 'ops.html')]
  const flags = ['--device', 'cpu', '--op', 'rmsNorm', '--op', 'add', '--rounds', '2', '--threads', '1']
  const { code, stdout, stderr } = await bench('ops', ...flags, '--json', json, '--html', html)
  expect(stderr).toContain('round 2 of 2')
  expect(code).toBe(0)
  expect(stdout).toMatch(/rmsNorm, 128 tokens +[\d.]+ [mµ]?s/)
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(data[0].ops.map((op: { title: string }) => op.title)).toEqual([
    'rmsNorm, 1 token',
    'add, 1 token',
    'rmsNorm, 128 tokens',
    'add, 128 tokens',
  ])
  expect(data[0].ops[0].seconds.samples).toHaveLength(2)
  expect(await readFile(html, 'utf8')).toContain('<svg')
})

test('training steps are timed, with their share of the ceiling', async () => {
  const json = join(folder, 'training.json')
  const flags = ['--size', '1.2M', '--rows', '1', '--device', 'simd', '--threads', '1', '--rounds', '2', '--json', json]
  const { code, stdout } = await bench('training', ...flags)
  expect(code).toBe(0)
  expect(stdout).toContain('Training steps of 256 tokens')
  const { data } = JSON.parse(await readFile(json, 'utf8'))
  expect(data.map(({ size, name }: Record<string, string>) => `${size} ${name}`)).toEqual(['1.2M Cria'])
  expect(data[0].rate.samples).toHaveLength(2)
  expect(Math.min(...data[0].share.samples)).toBeGreaterThan(0)
})
