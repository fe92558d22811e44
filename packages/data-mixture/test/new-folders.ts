import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** Gives paths of folders that do not exist yet, inside one that is removed after the tests of the file. */
export const newFolders = (): (() => string) => {
  let root = ''
  let count = 0
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'cria-data-mixture-'))
  })
  afterAll(() => rmSync(root, { recursive: true }))
  return () => join(root, String(count++))
}
