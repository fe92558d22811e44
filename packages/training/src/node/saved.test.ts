import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { bytesFile, type OutputFile } from '@cria/checkpoint'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { latestStep, prune, saveStep, stepFolders } from './saved'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cria-saved-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const file = (name: string, ...bytes: number[]) => bytesFile(name, Uint8Array.from(bytes))
const save = (step: number) => saveStep(root, step, [file('a.bin', step, 1), file('b.bin', 2)], { note: step })

test('the latest step is found, with its files and what the run noted', async () => {
  for (const step of [2, 10, 9]) await save(step)
  const found = await latestStep(root)
  expect(found).toMatchObject({ folder: join(root, 'step-00000010'), manifest: { step: 10, run: { note: 10 } } })
  expect([...readFileSync(join(found?.folder as string, 'a.bin'))]).toEqual([10, 1])
})

test('an empty folder and one that is missing have no step', async () => {
  expect(await latestStep(root)).toBeUndefined()
  expect(await latestStep(join(root, 'missing'))).toBeUndefined()
})

test.each<[string, (folder: string) => void]>([
  ['a file is missing', folder => rmSync(join(folder, 'b.bin'))],
  ['a file is cut short', folder => truncateSync(join(folder, 'a.bin'), 1)],
  ['a file has another byte', folder => writeFileSync(join(folder, 'a.bin'), Uint8Array.of(3, 2))],
  ['the manifest is missing', folder => rmSync(join(folder, 'training.json'))],
  ['the manifest is cut short', folder => truncateSync(join(folder, 'training.json'), 20)],
  ['the manifest is of another program', folder => writeFileSync(join(folder, 'training.json'), '{"files": {}}')],
  [
    'the manifest names a file elsewhere',
    folder => {
      const path = join(folder, 'training.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('b.bin', '../b.bin'))
    },
  ],
])('a step is not taken if %s', async (_, damage) => {
  await save(1)
  damage(await save(2))
  expect((await latestStep(root))?.manifest.step).toBe(1)
})

test('a step that could not be written leaves nothing, and the one before it whole', async () => {
  await save(1)
  const broken: OutputFile = {
    name: 'c.bin',
    size: 4,
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    async *chunks() {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' })
    },
  }
  await expect(saveStep(root, 2, [file('a.bin', 1), broken], {})).rejects.toMatchObject({ name: 'SaveError' })
  expect(readdirSync(root)).toEqual(['step-00000001'])
  expect((await latestStep(root))?.manifest.step).toBe(1)
})

test('a step that was saved before is replaced', async () => {
  await save(5)
  await saveStep(root, 5, [file('a.bin', 7)], {})
  const found = await latestStep(root)
  expect(readdirSync(found?.folder as string).sort()).toEqual(['a.bin', 'training.json'])
})

test('pruning keeps the latest, and those that are named', async () => {
  for (const step of [1, 2, 3, 4, 5]) await save(step)
  mkdirSync(join(root, '.step-00000006.part'))
  mkdirSync(join(root, 'mine'))
  await prune(root, 2, [join(root, 'step-00000002')])
  expect((await stepFolders(root)).map(folder => basename(folder))).toEqual([
    'step-00000005',
    'step-00000004',
    'step-00000002',
  ])
  expect(readdirSync(root)).toContain('mine')
  expect(readdirSync(root)).not.toContain('.step-00000006.part')
})
