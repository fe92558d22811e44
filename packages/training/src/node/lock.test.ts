import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { readFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RunLockedError } from '../errors'
import { lockFolder } from './lock'

/** Whether the system says nothing about processes, as macOS and Windows do. */
const silent = vi.hoisted(() => ({ value: false }))
vi.mock(import('node:fs/promises'), async original => {
  const real = await original()
  const read = (path: string, encoding: 'utf8') =>
    silent.value && path.startsWith('/proc')
      ? Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
      : real.readFile(path, encoding)
  return { ...real, readFile: read as typeof readFile }
})

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

test('if several processes ask at once for the lock of one that ended, exactly one gets it', async () => {
  for (let round = 0; round < 40; round++) {
    put(owner(process.pid, hostname(), 'before'))
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'fulfilled') await result.value()
      else expect(result.reason).toBeInstanceOf(RunLockedError)
    expect(readdirSync(folder)).toEqual([])
  }
})

test('a process that is killed while it takes a lock over blocks nobody', async () => {
  const stale = owner(process.pid, hostname(), 'before')
  put(stale)
  const digest = createHash('sha256').update(stale).digest('hex').slice(0, 16)
  writeFileSync(join(folder, `run.lock.${digest}`), owner(process.pid, hostname(), 'also before'))
  await (await lockFolder(folder))()
  expect(readdirSync(folder)).toEqual([])
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

test.skipIf(process.platform !== 'linux')(
  'a process is known by when it began, whatever its name and user are',
  async () => {
    const program = join(folder, 'a ) b (c')
    symlinkSync(process.execPath, program)
    const child = spawn(program, ['-e', 'setTimeout(() => {}, 60_000)'])
    try {
      await once(child, 'spawn')
      const pid = child.pid as number
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8')
      await vi.waitUntil(() => stat().includes('(a ) b (c)')) // else it is still a copy of this process
      // The 22nd of 52 fields; those behind it hold no spaces.
      const began = stat().trim().split(' ').at(-31) as string
      put(owner(pid, hostname(), began))
      await expect(lockFolder(folder)).rejects.toThrow(`process ${pid} on ${hostname()}`)
      const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
        throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
      })
      await expect(lockFolder(folder)).rejects.toThrow(RunLockedError)
      kill.mockRestore()
      put(owner(pid, hostname(), String(Number(began) - 1)))
      await (await lockFolder(folder))()
    } finally {
      vi.restoreAllMocks()
      child.kill('SIGKILL')
    }
  },
)

test('where the system does not say when a process began, its number is enough', async () => {
  silent.value = true
  try {
    put(owner(process.pid))
    await expect(lockFolder(folder)).rejects.toThrow(RunLockedError)
    rmSync(join(folder, 'run.lock'))
    const release = await lockFolder(folder)
    expect(JSON.parse(readFileSync(join(folder, 'run.lock'), 'utf8'))).toMatchObject({ pid: process.pid, started: '' })
    await release()
  } finally {
    silent.value = false
  }
})

test.each([
  ['of another machine', owner(1, 'elsewhere'), 'process 1 on elsewhere'],
  ['that is empty', '', 'an unknown process'],
  ['that is cut short', owner(1).slice(0, 9), 'an unknown process'],
  ['that is no object', 'null', 'an unknown process'],
  ['of process 0', owner(0), 'an unknown process'],
  ['of a process that is not a whole number', owner(1.5), 'an unknown process'],
  ['without a machine', '{"pid":1,"started":"1"}', 'an unknown process'],
  ['without a beginning', JSON.stringify({ pid: 1, host: hostname() }), 'an unknown process'],
])('a lock %s is left alone', async (_, text, who) => {
  put(text)
  await expect(lockFolder(folder)).rejects.toThrow(
    `${folder} is in use by ${who}: let that run end, or give another folder (if there is no such run, remove ${join(folder, 'run.lock')})`,
  )
  expect(readdirSync(folder)).toEqual(['run.lock'])
  expect(readFileSync(join(folder, 'run.lock'), 'utf8')).toBe(text)
})
