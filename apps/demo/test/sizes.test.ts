import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { dist } from './site'

const assets = join(dist, 'assets')
const gzipped = (path: string) => gzipSync(readFileSync(path), { level: 9 }).length

test('the first load is under 120 kB, gzipped, without a model', () => {
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  const found = Array.from(html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g), ([, path]) => join(dist, path))
  expect(found.length).toBeGreaterThan(1)
  const sum = found.reduce((bytes, path) => bytes + gzipped(path), gzipped(join(dist, 'index.html')))
  expect(sum).toBeLessThan(120_000)
})

test('what a page loads beside the worker is under 200 kB, gzipped: views, charts, and what speaks with the model', () => {
  const scripts = readdirSync(assets).filter(name =>
    /^(index|look|understand|own-model|format|model|plot|use-answer)-/.test(name),
  )
  expect(scripts.some(name => name.startsWith('plot-'))).toBe(true)
  const sum = scripts.reduce((bytes, name) => bytes + gzipped(join(assets, name)), 0)
  expect(sum).toBeLessThan(200_000)
})
