import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogEntry } from '../log'
import { LogFile } from './log-file'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-log-'))
  path = join(folder, 'log.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

const samples = (step: number): LogEntry => ({ kind: 'samples', step, samples: [{ prompt: '', text: `${step}\n` }] })

test('a log continues from the step at which its run resumes', async () => {
  const log = await LogFile.open(path, 0)
  for (const step of [1, 2, 3]) await log.add(samples(step))
  appendFileSync(path, '{"kind":"samp')
  const resumed = await LogFile.open(path, 2)
  expect(resumed.entries).toEqual([samples(1), samples(2)])
  await resumed.add(samples(3))
  expect((await LogFile.open(path, 9)).entries).toEqual([samples(1), samples(2), samples(3)])
  expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(3)
})

test('lines that are no entries are dropped', async () => {
  const lines = ['null', '5', '[]', '{"kind":"samples","step":"1"}', '{"kind":"samples","step":0.5}', '']
  writeFileSync(path, [...lines, JSON.stringify(samples(7)), ...lines].join('\n'))
  expect((await LogFile.open(path, 7)).entries).toEqual([samples(7)])
  expect(readFileSync(path, 'utf8')).toBe('{"kind":"samples","step":7,"samples":[{"prompt":"","text":"7\\n"}]}\n')
})

test('a log that cannot be read is no empty log', async () => {
  mkdirSync(path)
  await expect(LogFile.open(path, 0)).rejects.toMatchObject({ code: 'EISDIR' })
})
