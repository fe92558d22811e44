import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cria, data, hasData } from './cria'

const model = ['--model', data('stories260K/stories260K.bin'), '--device', 'cpu']
const text = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park.
Her mom said, "Let's go home." Lily was sad, but she went home with her mom.`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-measure-'))
  writeFileSync(join(folder, 'story.txt'), text)
  writeFileSync(join(folder, 'empty.txt'), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

const logits = async (ids: string): Promise<number[]> =>
  JSON.parse((await cria(['logits', ...model, '--ids', ids, '--json'])).stdout).logits

/** ln of a token's probability, from the definition. */
const logProbability = (row: number[], id: number) => row[id] - Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))

describe.skipIf(!hasData)('cria logits', () => {
  test('gives one for each token, the greedy choice highest, in both forms', async () => {
    const row = await logits('1')
    expect(row).toHaveLength(512)
    expect(row.indexOf(Math.max(...row))).toBe(403) // "Once"
    const { stdout } = await cria(['logits', ...model, '--ids', '1'])
    expect(stdout.trimEnd().split('\n').map(Number)).toEqual(row)
  })

  test.each<[string, string, number, string]>([
    ['an id beyond the vocabulary', '1,512', 1, 'token id 512 is not in this vocabulary of 512'],
    [
      'more ids than the context',
      Array(513).fill(1).join(),
      2,
      "--ids are 513, and the model's context is 512: give fewer",
    ],
    ['a negative id', '1,-2', 2, "'--ids <ids>' argument '1,-2' is invalid. Expected token ids with commas between"],
    ['no id', '', 2, "'--ids <ids>' argument ''"],
  ])('refuses %s', async (_, given, exitCode, message) => {
    const { code, stderr } = await cria(['logits', ...model, '--ids', given])
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(code).toBe(exitCode)
  })
})

describe.skipIf(!hasData)('cria perplexity', () => {
  const measure = async (...args: string[]) =>
    JSON.parse((await cria(['perplexity', ...model, '--text', join(folder, 'story.txt'), '--json', ...args])).stdout)

  test('is that of the logits, token by token', async () => {
    const tokenizer = ['--tokenizer', data('stories260K/tok512.model')]
    const ids = (await cria(['tokenize', ...tokenizer], text.slice(0, 22))).stdout.trim().split(' ')
    writeFileSync(join(folder, 'short.txt'), text.slice(0, 22))
    let sum = 0
    for (const [i, id] of ids.entries())
      sum -= logProbability(await logits(['1', ...ids.slice(0, i)].join()), Number(id))
    const { stdout } = await cria(['perplexity', ...model, '--text', join(folder, 'short.txt'), '--json'])
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ tokens: ids.length, window: 512 })
    expect(result.nll).toBeCloseTo(sum / ids.length, 5)
    expect(result.perplexity).toBeCloseTo(Math.exp(sum / ids.length), 4)
  })

  test('windows cut what the model sees, so a text is harder to predict', async () => {
    const whole = await measure()
    const cut = await measure('--window', '8')
    expect(whole.perplexity).toBeGreaterThan(1.5)
    expect(whole.perplexity).toBeLessThan(6)
    expect(cut.perplexity).toBeGreaterThan(whole.perplexity * 1.2)
    expect(cut).toMatchObject({ tokens: whole.tokens, window: 8 })
  })

  test('--against measures other weights too, and how often the likeliest token is the same', async () => {
    const device = ['--device', 'simd', '--weights', 'q4_0']
    const own = await measure(...device)
    const plain = await measure('--device', 'simd')
    expect(await measure(...device, '--against', 'f32')).toEqual({
      ...own,
      against: { weights: 'f32', perplexity: plain.perplexity, nll: plain.nll, agreement: expect.any(Number) },
    })
    const same = await measure('--device', 'simd', '--against', 'f32')
    expect(same.against.agreement).toBe(1)
    const text = await cria([
      'perplexity',
      ...model,
      '--text',
      join(folder, 'story.txt'),
      ...device,
      '--against',
      'f32',
    ])
    expect(text.stdout).toMatch(
      /\nwith weights in f32 \d\.\d{4}; the likeliest token is the same at \d\d\.\d\d% of the positions\n$/,
    )
  })

  test('of int8 weights is within 5% of that of f32', async () => {
    const q8 = ['--model', data('stories260K/stories260K-q8.bin'), '--tokenizer', data('stories260K/tok512.model')]
    const { perplexity } = await measure()
    const quantised = (await measure(...q8)).perplexity
    expect(quantised).not.toBe(perplexity)
    expect(Math.abs(quantised / perplexity - 1)).toBeLessThan(0.05)
  })

  test('is told in a line for people', async () => {
    const { stdout } = await cria(['perplexity', ...model, '--text', join(folder, 'story.txt')])
    expect(stdout).toMatch(/^perplexity \d\.\d{4} over \d+ tokens, in windows of 512\n$/)
  })

  test.each<[string, string[], number, string]>([
    ['a missing text', ['--text', 'no-such.txt'], 1, 'no-such.txt does not exist: check the path'],
    ['an empty text', ['--text', '@empty.txt'], 1, 'empty.txt is empty: there is nothing to predict'],
    ['a window beyond the context', ['--text', '@story.txt', '--window', '513'], 2, "to the model's context of 512"],
    ['a window without room', ['--text', '@story.txt', '--window', '1'], 2, '--window is 1: expected 2'],
  ])('refuses %s', async (_, args, exitCode, message) => {
    const { code, stderr } = await cria(['perplexity', ...model, ...args.map(arg => arg.replace('@', `${folder}/`))])
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^cria: .*\n$/)
    expect(code).toBe(exitCode)
  })
})

test('cria evaluate refuses a type of cache, which it would not use', async () => {
  const { code, stderr } = await cria(['evaluate', '--text', join(folder, 'story.txt'), '--cache', 'f16'])
  expect(stderr).toBe('cria: --cache is not used here, where texts are read without a cache: leave it out\n')
  expect(code).toBe(2)
})
