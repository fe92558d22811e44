import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMixture, type Mixture, type Row, type TokenStore } from '../src'
import { openTokens, tokenize } from '../src/node'
import { byteTokenizer, documents, mixtureSeed, rows, rowTokens } from './referee-documents.mjs'

// What nanoGPT, datatrove and Hugging Face datasets read in our files (tooling/referee/data-mixture), against what we read.

const figures = JSON.parse(readFileSync(new URL('./fixtures/readers.json', import.meta.url), 'utf8'))
const block = 32

const digest = (values: ArrayLike<number>) =>
  createHash('sha256')
    .update(new Uint8Array(Int32Array.from(values).buffer))
    .digest('hex')
const textDigest = (text: string) => createHash('sha256').update(text).digest('hex')

let root: string
const stores: Record<string, TokenStore> = {}
let mixture: Mixture
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cria-readers-'))
  for (const [name, offset] of [
    ['tales', 0],
    ['facts', 0],
    ['wide', 70_000],
  ] as const) {
    const folder = join(root, name)
    await tokenize({ name, documents: documents(name) }, byteTokenizer(offset), folder)
    stores[name] = (await openTokens(folder)).training
  }
  mixture = createMixture(
    [
      { name: 'tales', share: 0.75, tokens: stores.tales },
      { name: 'facts', share: 0.25, tokens: stores.facts },
    ],
    { rowTokens, seed: mixtureSeed },
  )
})
afterAll(async () => {
  await Promise.all(Object.values(stores).map(store => store.close()))
  rmSync(root, { recursive: true })
})

test.each(['tales', 'facts'])("nanoGPT's get_batch draws from %s what we read", async name => {
  const { tokens, starts, x, y } = figures.nanogpt[name]
  expect(stores[name].tokens).toBe(tokens)
  for (const [i, start] of starts.entries()) {
    const ids = await stores[name].read(start, start + block + 1)
    expect([digest(ids.subarray(0, -1)), digest(ids.subarray(1))]).toEqual([x[i], y[i]])
  }
})

test.each(['tales', 'wide'])("datatrove's dataset reads the tokens, positions and document ends of %s", async name => {
  const store = stores[name]
  const expected = figures.datatrove[name]
  const starts = await store.documentStarts(0, store.tokens)
  expect([...starts.slice(1), store.tokens]).toEqual(expected.ends)
  // Windows of a block and one more token; positions start at 0 in each.
  const windows = Math.floor(store.tokens / (block + 1))
  expect(windows).toBe(expected.windows)
  const used = windows * (block + 1)
  expect(digest(await store.read(0, used))).toBe(expected.ids)
  const isStart = new Set(starts)
  const positions: number[] = []
  for (let i = 0, position = 0; i < used; i++) {
    if (i % (block + 1) === 0 || isStart.has(i)) position = 0
    positions.push(position++)
  }
  expect(digest(positions)).toBe(expected.positions)
})

test('Hugging Face datasets reads the exported rows in order', async () => {
  const found: Row[] = []
  for await (const row of mixture.rows({ count: rows })) found.push(row)
  const ids = found.map(row => digest(row.ids))
  expect(figures.datasets).toEqual({
    columns: figures.datasets.columns,
    rows,
    first: ids.slice(0, 5),
    ids: textDigest(ids.join('')),
    starts: digest(found.flatMap(row => [...row.documents])),
    sources: textDigest(found.map(row => mixture.sources[row.source].name).join('\n')),
  })
  expect(figures.datasets.columns).toEqual({
    input_ids: "List(Value('int32'))",
    document_starts: "List(Value('int32'))",
    source: "Value('string')",
  })
})
