import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { benchmarksPage } from '../src/benchmarks'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'results-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const measure = (median: number, unit = 's') => ({ unit, median, min: median / 2, max: median * 2, samples: [median] })
const report = (title: string, data: unknown) => ({
  ...{ title, command: `pnpm bench ${title}`, date: '2026-11-28T10:00:00.000Z', data },
  machine: { processor: 'A processor', cores: 2, memory: 2 ** 33 },
})
const write = (name: string, content: unknown) => {
  mkdirSync(join(folder, 'machine'), { recursive: true })
  writeFileSync(join(folder, 'machine', name), JSON.stringify(content))
}

test('without results the page says so', () => {
  expect(benchmarksPage(folder)).toContain('No results are recorded yet.')
})

test('a report of any shape becomes a table of its measures', () => {
  const data = { lines: [{ text: 'a.txt', contenders: [{ name: 'Cria', encode: { rate: measure(24, 'MB/s') } }] }] }
  write('tokenizer.json', report('Tokenizers', data))
  const page = benchmarksPage(folder)
  expect(page).toContain('## A processor, 2 cores, 8 GiB {#machine}')
  expect(page).toContain('| text | name | encode rate |')
  expect(page).toContain('| a.txt | Cria | 24 MB/s (12 to 48) |')
  expect(page).toContain('blob/main/apps/bench/results/machine/tokenizer.json')
})

test('inference has the table of `results/table.mjs`, with links to the repository', () => {
  const contender = (name: string) => ({
    ...{ name, description: 'Node v26.1.0, simd', bandwidthShare: measure(0.5), peakBytes: 5e8 },
    ...{ prefill: measure(100), decode: measure(20) },
  })
  const work = { model: '110m', weights: ['q8_0'], prompt: 128, depth: 128, tokens: 64, sequences: 1 }
  const ratios = [{ of: 'Cria', to: 'llama-bench', prefill: measure(0.8), decode: measure(0.9) }]
  write('110m.json', report('Inference', { work, contenders: [contender('Cria'), contender('llama-bench')], ratios }))
  const page = benchmarksPage(folder)
  expect(page).toMatch(
    /\| \[110m, q8_0: .*\]\(https:\/\/github.com\/cria-js\/cria\/blob\/main\/apps\/bench\/results\/machine\/110m\.json\)/,
  )
  expect(page).toContain('### Inference and training')
  expect(page).not.toContain('### Inference\n')
})
