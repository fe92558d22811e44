import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cria, outcome, start } from './cria'

let folder: string
let tokenizer: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-experiment-'))
  const words = ['cat', 'dog', 'hen', 'fox', 'owl', 'cow']
  const story = (i: number) =>
    `A ${words[i % 6]} saw the ${words[(i * 5 + 1) % 6]} at ${i}. ${'They ran and ran. '.repeat(3)}`
  const stories = Array.from({ length: 200 }, (_, i) => `${story(i)}\n<|endoftext|>\n`)
  writeFileSync(join(folder, 'text.txt'), stories.join(''))
  writeFileSync(join(folder, 'lines.txt'), stories.join('').replaceAll('<|endoftext|>\n', ''))
  tokenizer = join(folder, 'tokenizer.model')
  const made = ['--input', join(folder, 'lines.txt'), '--vocab-size', '300', '--character-coverage', '1']
  await cria(['train-tokenizer', ...made, '--output', tokenizer])
})
afterAll(() => rmSync(folder, { recursive: true }))

test('without text, what needs no training is measured', async () => {
  const page = join(folder, 'rope.html')
  const { code, stdout, stderr } = await cria(['experiment', 'rope', '--html', page, '--device', 'cpu'])
  expect({ code }, stderr).toEqual({ code: 0 })
  expect(stdout).toMatch(/size of a head +largest change, relative\n16 +\d\.\de-1\d/)
  // By hand for distance 1, heads of 128: the mean of cos(10000^(-i/64)) over the 64 pairs.
  const cosines = Array.from({ length: 64 }, (_, i) => Math.cos(10_000 ** (-i / 64)))
  const score = cosines.reduce((sum, value) => sum + value, 0) / 64
  expect(stdout).toMatch(new RegExp(`^1 +0\\.\\d{3} +${score.toFixed(3)}$`, 'm'))
  expect(stdout).toContain('No text was given, so no model was trained')
  expect(stdout).toContain('What small models cannot show')
  expect(readFileSync(page, 'utf8')).toContain('<svg')
})

test.each([
  // A key and a value of 16 numbers in each of 5 layers, 2 bytes each: 320 bytes a head.
  ['heads', ['MHA', 'GQA', 'MQA'], /^MQA +1 +\d+ +320 +[\d.]+ +[\d.]+ +[\d.]+$/m, 'Decoding behind'],
  ['feed-forward', ['SwiGLU', 'ReLU', 'GELU'], /^GELU +504 +2 +129,024$/m, 'Difference to SwiGLU'],
  ['norm', ['RMSNorm', 'LayerNorm'], /^4,096 +\d+ +\d+ +-?[\d.]+ % +\d+ +\d+ +-?[\d.]+ %$/m, 'Time of one call'],
])('%s trains its variants, and compares them by pairs', async (name, variants, row, chart) => {
  const text = ['--text', join(folder, 'text.txt'), '--tokenizer', tokenizer]
  const page = join(folder, `${name}.html`)
  const size = ['--steps', '2', '--seeds', '2', '--batch', '256', '--device', 'simd', '--html', page]
  const { code, stdout, stderr } = await cria(['experiment', name, ...text, ...size])
  expect({ code }, stderr).toEqual({ code: 0 })
  expect(stderr.match(/seed \d: \d\.\d+ bits per byte/g)).toHaveLength(2 * variants.length)
  for (const variant of variants.slice(1))
    expect(stdout).toMatch(
      new RegExp(`^${variant} .*[+-]0\\.\\d{4} ± \\d+\\.\\d{4} +(no difference found|better|worse)$`, 'm'),
    )
  expect(stdout).toMatch(row)
  expect(stdout).toMatch(/Two seeds of one variant typically differ by 0\.\d{4} bits per byte/)
  for (const title of [chart, `Difference to ${variants[0]}`])
    expect(readFileSync(page, 'utf8')).toMatch(new RegExp(`<h2>${title}[^<]*</h2>.*<svg`))
})

test.each(['norm', 'rope'])('after Ctrl-C, %s prints the tables of the complete seeds', async name => {
  const text = ['--text', join(folder, 'text.txt'), '--tokenizer', tokenizer]
  const size = ['--steps', '2', '--seeds', '1000', '--batch', '256', '--device', 'simd']
  const child = start(['experiment', name, ...text, ...size])
  child.stderr.on('data', line => {
    if (/seed 1: /.test(String(line))) child.kill('SIGINT')
  })
  const { code, stdout, stderr } = await outcome(child)
  expect({ code }, stderr).toEqual({ code: 130 })
  expect(stdout).toMatch(/(Held-out loss|A model trained at 256 tokens), \d seeds?$/m)
  expect(stderr).not.toContain('cria: ')
})

test('rope reads a model beyond its context, without and with scaling', async () => {
  const text = ['--text', join(folder, 'text.txt'), '--tokenizer', tokenizer]
  // Hours alone bound the seeds: after the first, none fits into so short a time.
  const page = join(folder, 'rope-trained.html')
  const size = ['--steps', '2', '--hours', '1e-9', '--batch', '256', '--device', 'simd', '--html', page]
  const { code, stdout, stderr } = await cria(['experiment', 'rope', ...text, ...size])
  expect({ code }, stderr).toEqual({ code: 0 })
  for (const read of ['256', '512, as trained', '512, linear, factor 2', '512, dynamic, factor 2'])
    expect(stdout).toMatch(new RegExp(`^${read} +\\d\\.\\d{4}`, 'm'))
  expect(stdout).toContain('one seed: nothing can be said')
  expect(readFileSync(page, 'utf8')).toContain('Difference to reading at 256')
})

test.each([
  [['experiment', 'colour'], 'heads, feed-forward, norm, rope'],
  [['experiment', 'norm', '--tokenizer', 'x'], '--tokenizer is for --text'],
  [['experiment', 'norm', '--seeds', '0'], 'at least 1'],
  [['experiment', 'norm', '--hours', '0'], 'above 0'],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await cria(args)
  expect({ code }, stderr).toEqual({ code: 2 })
  expect(stderr).toContain(message)
})
