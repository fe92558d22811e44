import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deviceNames, listDevices } from 'cria'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cria, data, hasData, outcome, start } from './cria'

interface Case {
  readonly prompt: string
  readonly prompt_ids: readonly number[]
  readonly temperature: number
  readonly topp: number
  readonly seed?: number
  /** Positions run by llama2.c, those of the prompt among them. */
  readonly steps: number
  readonly text: string
}

const golden: readonly Case[] = hasData ? JSON.parse(readFileSync(data('stories260K/golden.json'), 'utf8')).cases : []
const model = ['--model', data('stories260K/stories260K.bin'), '--tokenizer', data('stories260K/tok512.model')]
const greedy = ['--temperature', '0']
const onCpu = ['generate', ...model, '--device', 'cpu']

const available = new Map(await listDevices().then(reports => reports.map(report => [report.name, report.available])))

describe.skipIf(!hasData)('cria generate with stories260K', () => {
  test.each(golden.filter(({ temperature }) => temperature === 0))(
    'greedily, $steps steps after "$prompt"',
    async example => {
      const { prompt, prompt_ids, steps, text } = example
      const maxTokens = String(steps - prompt_ids.length + 1)
      const result = await cria([...onCpu, ...greedy, '--prompt', prompt, '--echo', '--max-tokens', maxTokens])
      expect(result).toMatchObject({ code: 0, stdout: `${text}\n` })
    },
  )

  // llama2.c draws from the whole distribution as Cria does; after top-p it looks its number up in another order.
  test.each(golden.filter(({ temperature, topp }) => temperature > 0 && topp === 1))(
    'seed $seed draws what llama2.c draws',
    async ({ temperature, seed, steps, text }) => {
      const options = ['--temperature', String(temperature), '--top-p', '1', '--seed', String(seed)]
      const { stdout } = await cria([...onCpu, ...options, '--max-tokens', String(steps)])
      expect(stdout).toBe(`${text}\n`)
    },
  )

  for (const device of deviceNames.filter(name => name !== 'shape')) {
    test.skipIf(!available.get(device))(`the story begins alike on ${device}`, async () => {
      const { code, stdout, stderr } = await cria([
        ...['generate', ...model, ...greedy, '--device', device, '--max-tokens', '16'],
      ])
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/^Once upon a time, there was a/)
      expect(golden[0].text.startsWith(stdout.trimEnd())).toBe(true)
      expect(stderr).toContain(`device ${device}: `)
    })
  }

  test('standard error has the device, the speed and why it ended', async () => {
    const { stderr } = await cria([...onCpu, '--prompt', 'Once upon a time', '--max-tokens', '5', '--seed', '3'])
    expect(stderr).toMatch(
      /^device cpu: .+\nprompt 5 tokens, [\d.]+ a second; decode 4 tokens, [\d.]+ a second; seed 3; ended because --max-tokens is reached\n$/,
    )
  })

  test('a seed gives the same text again, and the random seed is reported', async () => {
    const options = ['--temperature', '1.5', '--max-tokens', '30']
    const first = await cria([...onCpu, ...options])
    const seed = /seed (\d+)/.exec(first.stderr)?.[1] as string
    expect((await cria([...onCpu, ...options, '--seed', seed])).stdout).toBe(first.stdout)
  })

  test('--json writes one object', async () => {
    const options = ['--prompt', 'Zoo', '--max-tokens', '6', '--seed', '1', '--json']
    const { stdout } = await cria([...onCpu, ...greedy, ...options])
    expect(stdout.endsWith('\n')).toBe(true)
    expect(JSON.parse(stdout)).toEqual({
      text: ' was a little girl',
      ids: expect.any(Array),
      finishReason: 'length',
      seed: 1,
      device: 'cpu',
      promptTokens: 4,
      cachedTokens: 0,
      draftedTokens: 0,
      acceptedTokens: 0,
      tokens: 6,
      promptSeconds: expect.any(Number),
      decodeSeconds: expect.any(Number),
    })
  })

  test('drafts of --draft, the prompt or a model, change no text', async () => {
    const prompt = [
      '--prompt',
      'Once upon a time, there was a little girl. Once upon a time, there was',
      '--max-tokens',
      '20',
    ]
    for (const sampling of [greedy, ['--seed', '3', '--temperature', '0.8']]) {
      const { stdout: plain } = await cria([...onCpu, ...sampling, ...prompt])
      for (const draft of ['prompt', data('stories260K/stories260K.gguf')]) {
        const { stdout } = await cria([...onCpu, ...sampling, ...prompt, '--draft', draft, '--json'])
        const { text, draftedTokens } = JSON.parse(stdout)
        expect(`${text}\n`).toBe(plain)
        expect(draftedTokens).toBeGreaterThan(0)
      }
    }
  })

  test('--profile tells the share of each op', async () => {
    const onSimd = ['generate', ...model, '--device', 'simd', '--max-tokens', '5']
    const { stderr } = await cria([...onSimd, ...greedy, '--profile'])
    expect(stderr).toMatch(/^attention +simd +25 +[\d.]+ +[\d.]+%/m)
    expect(stderr).toMatch(/^linearAdd +simd +50 +[\d.]+ +[\d.]+%/m)
  })

  test.each([
    ['simd', 'f32', 0, ''],
    ['simd', 'f16', 0, ''],
    ['simd', 'q8_0', 1, 'option cache: a q8_0 cache needs heads of whole blocks of 32 numbers, not 8: use f16 or f32'],
    ['cpu', 'f16', 1, 'option cache: device "cpu" holds a cache as f32, not f16'],
  ])('on %s, --cache %s ends with %i', async (device, cache, exitCode, message) => {
    const args = ['generate', ...model, '--device', device, '--cache', cache, '--max-tokens', '2']
    const { code, stderr } = await cria(args)
    expect(stderr).toContain(message)
    expect(code).toBe(exitCode)
  })

  test('ends before the first of the --stop texts', async () => {
    const { stdout, stderr } = await cria([...onCpu, ...greedy, '--stop', 'ball', '--stop', '. She'])
    expect(stdout).toBe('Once upon a time, there was a little girl named Lily\n')
    expect(stderr).toContain('ended because the text is complete')
  })

  test('reads a prompt from standard input, without its last line end', async () => {
    const { stdout } = await cria(
      [...onCpu, ...greedy, '--prompt', '-', '--echo', '--max-tokens', '4'],
      'Lily and Tom\n',
    )
    expect(stdout).toBe('Lily and Tom were playing\n')
  })

  test.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s ends it before the end of the text, after what has come and a line end', async (signal, code) => {
    const child = start([...onCpu, ...greedy])
    child.stdout.once('data', () => child.kill(signal))
    const result = await outcome(child)
    expect(result.code).toBe(code)
    expect(result.stdout).toMatch(/^Once[\s\S]*\n$/)
    expect(golden[1].text.startsWith(result.stdout.slice(0, -1))).toBe(true)
    expect(result.stderr).toMatch(/^device cpu: .*\n$/)
  })

  test('it ends without an error if the reader closes the pipe', async () => {
    const child = start([...onCpu, ...greedy])
    child.stdout.once('data', () => child.stdout.destroy())
    const { code, stderr } = await outcome(child)
    expect(code).toBe(0)
    expect(stderr).toMatch(/^device cpu: .*\n$/)
  })

  test('a closed standard error does not end it', async () => {
    const child = start([...onCpu, ...greedy, '--max-tokens', '16'])
    child.stderr.destroy()
    const { code, stdout } = await outcome(child)
    expect(stdout).toMatch(/^Once upon a time, there was a.*\n$/)
    expect(code).toBe(0)
  })
})

describe.skipIf(!hasData)('cria generate with bad input', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cria-generate-'))
    const bytes = readFileSync(data('stories260K/stories260K.bin'))
    writeFileSync(join(folder, 'empty.bin'), '')
    writeFileSync(join(folder, 'short.bin'), bytes.subarray(0, 500_000))
    writeFileSync(join(folder, 'foreign.bin'), 'This is a letter, not a model. '.repeat(100))
    writeFileSync(join(folder, 'alone.bin'), bytes)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each<[string, string[], string]>([
    ['a missing model', ['--model', 'no-such.bin'], 'no-such.bin: does not exist; check the path'],
    ['an empty model', ['--model', '@empty.bin'], 'empty.bin: '],
    [
      'a model cut short',
      ['--model', '@short.bin'],
      'short.bin: tensor "layers.2.feed_forward.w1.weight": would be at bytes',
    ],
    ['a file of another kind', ['--model', '@foreign.bin'], 'foreign.bin: '],
    ['a folder without a model', ['--model', 'packages'], 'packages: has no model'],
    ['a model without a tokenizer', ['--model', '@alone.bin'], 'alone.bin has no tokenizer in it or beside it'],
    [
      'a missing tokenizer',
      [...model, '--tokenizer', 'no-such.model'],
      'no-such.model: does not exist; check the path',
    ],
    [
      'the tokenizer of another model',
      [...model, '--tokenizer', data('llama2-tokenizer/tokenizer.model')],
      '32000 tokens',
    ],
    ['a file that is not a tokenizer', [...model, '--tokenizer', 'package.json'], 'package.json: '],
    ['an unknown device', [...model, '--device', 'tpu'], 'device "tpu" cannot run here: no such device'],
    ['a device of browsers', [...model, '--device', 'webgl2'], 'device "webgl2" cannot run here: it needs a browser'],
    [
      'weights that the device cannot read',
      [...model, '--weights', 'q8_0'],
      'device "cpu" reads weights as f32, not q8_0',
    ],
  ])('%s is told in one line', async (_, args, message) => {
    const named = args.map(arg => (arg.startsWith('@') ? join(folder, arg.slice(1)) : arg))
    const { code, stdout, stderr } = await cria(['generate', '--device', 'cpu', ...named])
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  test('a prompt longer than the context is told in one line, after the device', async () => {
    const prompt = ['--prompt', 'Once upon a time '.repeat(300)]
    expect(await cria([...onCpu, ...prompt])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'device cpu: gpu.js, JavaScript on one thread\n' +
        "cria: the prompt is 1201 tokens long and the model's context 512: shorten the prompt\n",
    })
  })
})

test.each<[string, string[], string]>([
  [
    'threads of a device that has none',
    ['--device', 'cpu', '--threads', '2'],
    '--threads is for the device simd, and this is cpu',
  ],
  ['a device that runs no model', ['--device', 'shape'], '--device is shape, which computes no values'],
  ['no threads', ['--threads', '0'], "'--threads <n>' argument '0' is invalid. Expected a whole number of at least 1."],
  [
    'an unknown type of weights',
    ['--weights', 'q5'],
    "'--weights <type>' argument 'q5' is invalid. Allowed choices are f32",
  ],
])('%s is a wrong command line', async (_, args, message) => {
  const { code, stderr } = await cria(['generate', '--model', 'm', ...args])
  expect(stderr).toContain(message)
  expect(code).toBe(2)
})
