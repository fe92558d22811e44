import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { drawFigures, type Figures } from '../src/figures'
import { plainText } from '../src/llms'
import { pages } from '../src/sidebar'

let figures: Figures
beforeAll(async () => {
  figures = await drawFigures()
}, 300_000)

test('every figure is drawn without a browser, and used by a page', () => {
  const folder = join(pages, 'papers')
  const texts = readdirSync(folder).map(file => readFileSync(join(folder, file), 'utf8'))
  const used = texts.flatMap(text => Array.from(text.matchAll(/^```figure (\S+)$/gm), ([, name]) => name))
  expect(used.sort()).toEqual([...figures.keys()].sort())
  for (const [name, { svg, description }] of figures) {
    expect(svg, name).toMatch(/^<svg role="img" /)
    expect(svg, name).not.toMatch(/NaN|undefined|<style|\{\{/)
    expect(description, name).toMatch(/^\w.{40,}\.$/)
  }
})

test('figures show what the papers state', () => {
  const { description: epochs = '' } = figures.get('mixture-epochs') ?? {}
  // LLaMA, table 1.
  for (const told of [
    'CommonCrawl 1.10',
    'C4 1.06',
    'GitHub 0.64',
    'Wikipedia 2.45',
    'Books 2.23',
    'ArXiv 1.06',
    'StackExchange 1.03',
  ])
    expect(epochs).toContain(told)
  // 2 · 80 layers · 8 heads · 128 · 2 bytes · 4096 tokens are 1.25 GiB; with 64 heads, eight times as much.
  const { description: caches = '' } = figures.get('cache-sizes') ?? {}
  expect(caches).toContain('llama2-70b 1.25')
  expect(caches).toContain('64 kv heads 10.00')
})

test('a text page has the caption and the numbers of a figure', () => {
  const text = plainText('---\na: b\n---\n\n# T\n\n```figure cache-sizes\nCaches.\n```\n', figures)
  expect(text).toMatch(/^# T\n\nFigure: Caches\. GiB of keys and values/)
})
