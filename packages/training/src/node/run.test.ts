import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jsonFile } from '@cria/checkpoint'
import { type Device, openDevice } from '@cria/tensor'
import { parseHTML } from 'linkedom'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { counting, tinyModel } from '../../test/tiny'
import { Lora, type LoraOptions, NonFiniteError, ResumeError, RunLockedError, type TrainingConfig } from '..'
import { type Run, type RunEvent, type RunOptions, runTraining } from '../node'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cria-run-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const config: TrainingConfig = {
  model: { dim: 16, n_layers: 2, n_heads: 4, max_seq_len: 12 },
  tokenizer: 'letters',
  data: { rowTokens: 12 },
  training: { tokens: 10 * 48, batchTokens: 48, learningRate: 0.02, warmupSteps: 2 },
  evaluation: { every: 4, texts: ['held-out.txt'] },
  samples: { every: 5, prompts: ['ab', ''], maxTokens: 3 },
  checkpoints: { every: 3, keep: 2 },
  output: 'run',
}

/** A run in a folder, its model's own weights as the only file of the model. */
const runOf = (folder: string, changes: Partial<TrainingConfig> = {}, more: Partial<Run> = {}) =>
  ({
    folder: join(root, folder),
    config: { ...config, ...changes },
    model: tinyModel(device),
    data: { ...counting, state: (row: number) => ({ row, identity: 'counting' }) },
    tokenizer: { encode: (text: string) => [0, ...Array.from(text, letter => letter.charCodeAt(0) - 96)] },
    texts: ['abcdefg', 'hijklmn'],
    modelFiles: (weights: ReadonlyMap<string, Float32Array>) => [
      jsonFile('weights.json', Object.fromEntries([...weights].map(([k, v]) => [k, [...v]]))),
    ],
    sample: async (prompt: string) => `${prompt}!`,
    ...more,
  }) satisfies Run

const events = async (run: Run, options: RunOptions = {}): Promise<RunEvent[]> => {
  const found: RunEvent[] = []
  for await (const event of runTraining(run, options)) found.push(event)
  run.model.dispose()
  return found
}

const weightsIn = (folder: string, step: string) => readFileSync(join(root, folder, step, 'weights.json'), 'utf8')
const last = 'step-00000010'

test('a run logs, evaluates, writes samples, saves, and reports', async () => {
  const found = await events(runOf('run'))
  const at = (kind: RunEvent['kind']) =>
    found.flatMap(event => (event.kind === kind && 'step' in event ? [event.step] : []))
  expect(at('begun')).toEqual([0])
  expect(at('step')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(at('evaluation')).toEqual([4, 8, 10])
  expect(at('samples')).toEqual([5, 10])
  expect(at('saved')).toEqual(expect.arrayContaining([3, 4, 6, 9, 10]))
  expect(new Set(at('saved')).size).toBe(at('saved').length)
  const rates = found.flatMap(event => (event.kind === 'step' ? [event.learningRate] : []))
  // Two steps of warm-up, then a cosine down to a tenth.
  expect([rates[0], rates[1], rates[5], rates[9]].map(rate => rate.toFixed(5))).toEqual([
    ...['0.01000', '0.02000', '0.01100', '0.00200'],
  ])
  const best = found.filter(event => event.kind === 'evaluation').toSorted((a, b) => a.bitsPerByte - b.bitsPerByte)[0]
  const kept = readdirSync(join(root, 'run')).filter(name => name.startsWith('step-'))
  expect(new Set(kept)).toEqual(new Set(['step-00000009', last, `step-${String(best.step).padStart(8, '0')}`]))
  const log = readFileSync(join(root, 'run/log.jsonl'), 'utf8').trim().split('\n')
  expect(log.map(line => JSON.parse(line))).toEqual(
    found.filter(({ kind }) => ['step', 'evaluation', 'samples'].includes(kind)),
  )
  expect(found.flatMap(event => (event.kind === 'samples' ? [event.samples] : []))[0]).toEqual([
    { prompt: 'ab', text: 'ab!' },
    { prompt: '', text: '!' },
  ])
  expect(readdirSync(join(root, 'run'))).not.toContain('run.lock')
})

test('the step with the lowest evaluation is kept, however many steps follow it', async () => {
  // The training rows count up. The longer a model learns that, the less it expects a text that counts down.
  const found = await events(runOf('run', {}, { texts: ['gfedcba', 'nmlkjih'] }))
  const scores = found.flatMap(event => (event.kind === 'evaluation' ? [event.bitsPerByte] : []))
  expect(scores).toEqual(scores.toSorted((a, b) => a - b))
  const kept = readdirSync(join(root, 'run')).filter(name => name.startsWith('step-'))
  expect(kept.sort()).toEqual(['step-00000004', 'step-00000009', last])
})

test('the report tells the device, and whether the run goes on', async () => {
  const description = vi.spyOn(device, 'description', 'get').mockReturnValue('WebAssembly, B, 2 threads')
  const { evaluation: _, ...rest } = config
  const plain = () => ({ ...runOf('run'), config: rest })
  const lines = () => {
    const { document } = parseHTML(readFileSync(join(root, 'run/report.html'), 'utf8'))
    const refresh = document.querySelector('meta[http-equiv=refresh]')?.getAttribute('content')
    return [...Array.from(document.querySelectorAll('h1, header p'), node => node.textContent), refresh]
  }
  // Embedding and output, two layers (attention, feed-forward, two norms), last norm.
  const parameters = 2 * 24 * 16 + 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 24 + 2 * 16) + 16
  const first = ['Training run', `${parameters.toLocaleString('en-US')} parameters on cpu, WebAssembly, B, 2 threads`]
  try {
    const run = plain()
    for await (const event of runTraining(run, { steps: 7 }))
      if (event.kind === 'step' && event.step === 4) expect(lines()).toEqual([...first, 'step 3 of 10, running', '30'])
    expect(lines()).toEqual([...first, 'step 7 of 10', undefined])
    run.model.dispose()
    await events(plain(), { resume: true })
    expect(lines()).toEqual([...first, 'step 10 of 10', undefined])
  } finally {
    description.mockRestore()
  }
})

test('a run that cannot write samples has empty ones', async () => {
  const { sample: _, ...run } = runOf('run')
  const found = await events(run, { steps: 5 })
  expect(found.filter(({ kind }) => kind === 'samples')).toEqual([
    { kind: 'samples', step: 5, samples: ['ab', ''].map(prompt => ({ prompt, text: '' })) },
  ])
})

test.each<[string, LoraOptions | undefined]>([
  ['all weights', undefined],
  ['adapters', { rank: 2 }],
])('a run of %s that is stopped and resumed gives the weights of one that was not', async (_, lora) => {
  const withLora = (folder: string) => {
    const run: Run = runOf(folder)
    return lora ? { ...run, lora: new Lora(run.model, lora) } : run
  }
  await events(withLora('whole'))
  await events(withLora('halves'), { steps: 4 })
  const found = await events(withLora('halves'), { resume: true })
  expect(found[0]).toMatchObject({ kind: 'begun', step: 4 })
  expect(weightsIn('halves', last)).toBe(weightsIn('whole', last))
  const steps = readFileSync(join(root, 'halves/log.jsonl'), 'utf8').match(/"kind":"step"/g)
  expect(steps).toHaveLength(10)
})

test('saved weights are plain, with the updates of the adapters added', async () => {
  const run = runOf('run')
  const names = [...run.model.parameters()].map(([path]) => path)
  await events({ ...run, lora: new Lora(run.model, { rank: 2, matrices: ['w1'] }) })
  const saved = JSON.parse(weightsIn('run', last))
  expect(Object.keys(saved)).toEqual(names)
  using first = tinyModel(device)
  const before = [...(await first.layers[0].feed_forward.w1.weight.tensor.read())]
  expect(saved['layers.0.feed_forward.w1.weight']).not.toEqual(before)
  expect(saved['layers.0.feed_forward.w3.weight']).toEqual([
    ...(await first.layers[0].feed_forward.w3.weight.tensor.read()),
  ])
})

test('Ctrl-C saves the last step', async () => {
  const controller = new AbortController()
  const run = runOf('run')
  const found: RunEvent[] = []
  const stopped = (async () => {
    for await (const event of runTraining(run, { signal: controller.signal })) {
      found.push(event)
      if (event.kind === 'step' && event.step === 5) controller.abort('enough')
    }
  })()
  await expect(stopped).rejects.toBe('enough')
  expect(found.at(-1)).toMatchObject({ kind: 'saved', step: 5 })
  expect(readFileSync(join(root, 'run/report.html'), 'utf8')).toContain('<p>step 5 of 10</p>')
  await events(runOf('whole'))
  await events(runOf('run'), { resume: true })
  expect(weightsIn('run', last)).toBe(weightsIn('whole', last))
})

test.each<[string, Partial<TrainingConfig>, Partial<Run>, string]>([
  [
    'another learning rate',
    { training: { ...config.training, learningRate: 0.03 } },
    {},
    'config.training.learningRate was 0.02 and is 0.03',
  ],
  ['adapters', { lora: { rank: 2 } }, {}, 'config.lora was undefined and is {"rank":2}'],
  [
    'other data',
    {},
    { data: { ...counting, state: row => ({ row, identity: 'others' }) } },
    'data.identity was "counting" and is "others"',
  ],
  [
    'another size of steps and other data',
    { training: { ...config.training, batchTokens: 24 } },
    { data: { ...counting, state: row => ({ row, identity: 'others' }) } },
    'step-00000002 is of another run: config.training.batchTokens was 48 and is 24; data.identity was "counting" and is "others". Resume with the config of that run',
  ],
])('resuming with %s is refused', async (_, changes, more, message) => {
  await events(runOf('run'), { steps: 2 })
  const failure = await events(runOf('run', changes, more), { resume: true }).catch(error => error)
  expect(failure).toBeInstanceOf(ResumeError)
  expect(failure.message).toContain(message)
})

test.each<[string, string, string[]]>([
  ['the same build', 'WebAssembly, B, 2 threads', []],
  ['other threads and memories', 'WebAssembly, B, 4 threads, 2 memories', []],
  ['many threads and memories', 'WebAssembly, B, 12 threads, 10 memories', []],
  ['one thread, and why', 'WebAssembly, B, 1 thread (no shared memory)', []],
  [
    'another build',
    'WebAssembly, A, 2 threads',
    ['WebAssembly, B, and this is cpu, WebAssembly, A: last bits may differ'],
  ],
])('the build of the kernels is saved with a step: resuming on %s', async (_, now, notes) => {
  const description = vi.spyOn(device, 'description', 'get').mockReturnValue('WebAssembly, B, 2 threads')
  try {
    await events(runOf('run'), { steps: 2 })
    const manifest = JSON.parse(readFileSync(join(root, 'run/step-00000002/training.json'), 'utf8'))
    expect(manifest.run.device).toBe('cpu, WebAssembly, B')
    description.mockReturnValue(now)
    const found = await events(runOf('run'), { resume: true, steps: 1 })
    const told = found.flatMap(event => (event.kind === 'note' ? [event.text] : []))
    expect(told).toEqual(['continuing from', ...notes].map(text => expect.stringContaining(text)))
  } finally {
    description.mockRestore()
  }
})

test('checkpoints, samples, the evaluation and the folder may change', async () => {
  await events(runOf('run'), { steps: 2 })
  const changes = {
    checkpoints: { every: 1, keep: 1 },
    samples: { every: 1, prompts: ['c'], maxTokens: 1 },
    evaluation: { every: 9, texts: ['other.txt'] },
    output: 'elsewhere',
  }
  expect((await events(runOf('run', changes), { resume: true, steps: 1 }))[0]).toMatchObject({ step: 2 })
})

test('a folder with a run, one without, and one in use', async () => {
  await expect(events(runOf('none'), { resume: true })).rejects.toThrow('no saved step to continue from')
  await events(runOf('run'), { steps: 1 })
  await expect(events(runOf('run'))).rejects.toThrow('resume it, or give another folder')
  const going = runTraining(runOf('run'), { resume: true })
  await going.next()
  await expect(events(runOf('run'), { resume: true })).rejects.toThrow(RunLockedError)
  await going.return(undefined)
  expect((await events(runOf('run'), { resume: true, steps: 1 }))[0]).toMatchObject({ step: 1 })
})

test('the error for NaN names the last good checkpoint', async () => {
  const model = tinyModel(device)
  const run = runOf('run', {}, { model })
  const found: RunEvent[] = []
  const failure = await (async () => {
    for await (const event of runTraining(run)) {
      found.push(event)
      if (event.kind !== 'saved') continue
      const { weight } = model.layers[1].feed_forward.w2
      weight.load(device.tensor(new Float32Array(weight.size).fill(Number.NaN), weight.shape))
    }
  })().catch(error => error)
  expect(failure).toBeInstanceOf(NonFiniteError)
  expect(failure.message).toContain(`the last good checkpoint is ${join(root, 'run', 'step-00000003')}`)
  expect(failure.message).toContain('step 4')
  const report = readFileSync(join(root, 'run/report.html'), 'utf8')
  expect(report).toContain('<p>step 3 of 10</p>')
  expect(report).not.toContain('http-equiv="refresh"')
})

test('a full disk while saving leaves the checkpoint before it', async () => {
  await events(runOf('run'), { steps: 3 })
  const full = {
    name: 'weights.json',
    size: 10,
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    async *chunks() {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' })
    },
  }
  await expect(events(runOf('run', {}, { modelFiles: () => [full] }), { resume: true })).rejects.toMatchObject({
    name: 'SaveError',
  })
  expect((await events(runOf('run'), { resume: true, steps: 1 }))[0]).toMatchObject({ step: 3 })
})

test('an incomplete saved step is never used', async () => {
  await events(runOf('run'), { steps: 2 })
  mkdirSync(join(root, 'run/step-00000009'))
  writeFileSync(join(root, 'run/step-00000009/weights.json'), '{')
  const found = await events(runOf('run'), { resume: true, steps: 1 })
  expect(found[0]).toMatchObject({ step: 2 })
})
