import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { chromium, runInBrowser } from '@cria/browser'
import { expect, test } from 'vitest'
import inNode, { type Output } from './mixture.page'

const fixture = (name: string) => [...readFileSync(new URL(`./fixtures/${name}`, import.meta.url))]
const texts = Array.from({ length: 9 }, (_, i) => JSON.stringify({ text: `llama ${i} `.repeat(5) }))
const input = {
  gzip: [...gzipSync(texts.join('\n'))],
  zstd: fixture('one-frame.jsonl.zst'),
  parquet: fixture('snappy.parquet'),
}

test.skipIf(!chromium)('a page reads gzip, zstd and Parquet, and gets the rows that Node gets', async () => {
  const output = (await runInBrowser({ entry: new URL('./mixture.page.ts', import.meta.url), input })) as Output
  expect(output).toEqual(await inNode(input))
  expect(output.rows).toHaveLength(40)
  expect(output.cutShort).toBe('DocumentError: cut.gz')
})

const source = fileURLToPath(new URL('../src', import.meta.url))

/** The modules from elsewhere that a file needs, and those that it imports need. */
const needs = (path: string, seen = new Set<string>(), outside = new Set<string>()): Set<string> => {
  if (seen.has(path)) return outside
  seen.add(path)
  for (const [, type, name] of readFileSync(path, 'utf8').matchAll(
    /^(import type|import|export|\})\b.*? from '([^']+)'/gms,
  )) {
    if (name.startsWith('.')) needs(`${join(dirname(path), name)}.ts`, seen, outside)
    else if (type !== 'import type') outside.add(name)
  }
  return outside
}

test('the main entry loads nothing until a file needs it; the node entry loads Node alone', () => {
  expect([...needs(join(source, 'index.ts'))]).toEqual([])
  expect([...needs(join(source, 'node.ts'))].filter(name => !name.startsWith('node:'))).toEqual([])
  expect(needs(join(source, 'node.ts')).size).toBeGreaterThan(3)
})
