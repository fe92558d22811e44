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

test('all code is under 350 kB, gzipped, but what is loaded for some alone: charts, and the kernels of gpu.js', () => {
  let sum = 0
  const apart: string[] = []
  for (const name of readdirSync(assets).filter(name => name.endsWith('.js'))) {
    const text = readFileSync(join(assets, name), 'utf8')
    const kind = [
      ['weights', () => text.length > 2e6],
      ['charts', () => name.startsWith('plot-')],
      ['gpu.js', () => text.includes('HeadlessGLKernel')],
    ] as const
    const found = kind.find(([, matches]) => matches())
    if (found) apart.push(found[0])
    else sum += gzipped(join(assets, name))
  }
  expect(apart.sort()).toEqual(['charts', 'gpu.js', 'weights'])
  expect(sum).toBeLessThan(350_000)
})
