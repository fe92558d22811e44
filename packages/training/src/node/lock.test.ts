import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RunLockedError } from '../errors'
import { lockFolder } from './lock'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cria-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const put = (text: string) => writeFileSync(join(folder, 'run.lock'), text)
const owner = (pid: number, host = hostname(), started = '') => JSON.stringify({ pid, host, started })

test('only one process at a time holds a folder', async () => {
  const release = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toThrow(RunLockedError)
  await expect(lockFolder(folder)).rejects.toThrow(`process ${process.pid} on ${hostname()}`)
  await release()
  expect(readdirSync(folder)).toEqual([])
  await (await lockFolder(folder))()
})

test('if several processes ask at once, exactly one gets the lock', async () => {
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('the lock of a process that was killed is taken over', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  child.kill('SIGKILL')
  await once(child, 'exit')
  put(owner(child.pid as number))
  await (await lockFolder(folder))()
  expect(readdirSync(folder)).toEqual([])
})

test.skipIf(process.platform !== 'linux')(
  'the lock of an earlier process with the same number is taken over',
  async () => {
    put(owner(process.pid, hostname(), '1'))
    await (await lockFolder(folder))()
  },
)

test('the lock of another machine, and one that cannot be read, are left alone', async () => {
  put(owner(1, 'elsewhere'))
  await expect(lockFolder(folder)).rejects.toThrow('process 1 on elsewhere')
  put('')
  await expect(lockFolder(folder)).rejects.toThrow('remove')
  expect(readdirSync(folder)).toEqual(['run.lock'])
})
