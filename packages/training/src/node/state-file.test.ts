import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesFile } from '@cria/checkpoint'
import { saveFile } from '@cria/checkpoint/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ResumeError } from '../errors'
import { readStateFile, stateFile } from './state-file'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-state-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const state = {
  step: 12,
  row: 345,
  parameters: new Map([
    ['layers.0.a', Float32Array.of(1.5, -0, 1e-42)],
    ['b', Float32Array.of(3)],
  ]),
  optimizer: new Map([
    ['m', new Map([['layers.0.a', Float32Array.of(7, 8, 9)]])],
    ['v', new Map([['b', Float32Array.of(Infinity)]])],
  ]),
}

test('a state comes back to the bit', async () => {
  const path = join(folder, 'state.safetensors')
  await saveFile(path, stateFile(state))
  expect(await readStateFile(path)).toEqual(state)
})

test('a file that is cut short, and one of another kind, are refused', async () => {
  const path = join(folder, 'cut.safetensors')
  const file = stateFile(state)
  await saveFile(path, file)
  truncateSync(path, file.size - 1)
  await expect(readStateFile(path)).rejects.toMatchObject({ name: 'MalformedFileError' })
  const empty = new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d])
  await saveFile(path, bytesFile('x', empty))
  await expect(readStateFile(path)).rejects.toThrow(ResumeError)
})
