import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test, vi } from 'vitest'
import { openSimd, type SimdEngine, WorkerLostError } from '../src'
import type { Post, Thread } from '../src/threads'
import { put, room, take } from './engines'
import { Random } from './random'

/** The threads that the engine starts, what they are given, and a fault for the next ones. */
const started: Thread[] = []
const posts: Post[] = []
let sabotage: string | undefined

vi.mock('../src/threads', async original => {
  const threads = await original<typeof import('../src/threads')>()
  const startThread = async (post: Post): Promise<Thread> => {
    const thread = sabotage === undefined ? await threads.startThread(post) : await startSaboteur(post, sabotage)
    started.push(thread)
    posts.push(post)
    return thread
  }
  return { ...threads, startThread }
})

/** A thread that claims a chunk of the first job it sees, as any worker does, and then runs `deed` in place of the kernel. */
const startSaboteur = (post: Post, deed: string): Promise<Thread> => {
  // Its own stretch of chunks, as assembly/parallel.ts lays them out.
  const source = `const { parentPort, workerData: { memory, control, index } } = require('node:worker_threads')
    const left = new Int32Array(memory.buffer, control + 512 + 64 * index, 1)
    parentPort.postMessage('ready')
    while (Atomics.load(left, 0) <= 0 || Atomics.sub(left, 0, 1) <= 0) {}
    ${deed}`
  const worker = new Worker(source, { eval: true, workerData: post })
  worker.on('error', () => {})
  const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
  const terminate = async (): Promise<void> => void (await worker.terminate())
  return new Promise(resolve => worker.once('message', () => resolve({ ended, terminate })))
}

afterEach(() => {
  sabotage = undefined
  started.length = 0
  posts.length = 0
})

const random = new Random(7)
const [m, n, k] = [300, 400, 500]
const [left, right] = [random.normal(m * k), random.normal(k * n)]

/** A kernel that takes some milliseconds; its result as a hash. */
const multiply = (engine: SimdEngine): string => {
  const [a, b, out] = [put(engine, left), put(engine, right), room(engine, m * n)]
  try {
    engine.matmul(a, b, out, { m, n, k })
    return createHash('sha1')
      .update(take(engine, out, m * n))
      .digest('hex')
  } finally {
    for (const pointer of [a, b, out]) engine.free(pointer)
  }
}

const expected = await (async () => {
  await using engine = await openSimd({ threads: 1 })
  return multiply(engine)
})()

/** Waits for a condition; the timeout of the test ends the wait. */
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}

test.each([
  ['is killed', 'process.exit()'],
  ['throws', `throw new Error('out of order')`],
  ['hangs', 'for (;;) {}'],
])('a worker that %s in the middle of a kernel is an error, and the next call works', async (_, deed) => {
  sabotage = deed
  await using engine = await openSimd({ threads: 2 })
  sabotage = undefined
  expect(() => {
    for (;;) multiply(engine) // the worker may come late for a job, and then takes part in the next
  }).toThrow(WorkerLostError)
  expect(engine.threads).toBe(1)
  expect(multiply(engine)).toBe(expected)
  await until(() => engine.threads === 2)
  expect(multiply(engine)).toBe(expected)
})

test('idle workers sleep, and wake for the next kernel', async () => {
  await using engine = await openSimd({ threads: 3 })
  const [{ memory, control }] = posts
  // As assembly/parallel.ts lays them out.
  const sleepers = () => Atomics.load(new Int32Array(memory.buffer, control + 128, 1), 0)
  for (let round = 0; round < 3; round++) {
    await until(() => sleepers() === 2)
    expect(multiply(engine)).toBe(expected)
  }
})

test('a worker that ends at any time is replaced; a kernel either is correct or throws', async () => {
  await using engine = await openSimd({ threads: 3 })
  for (let round = 1; round <= 3; round++) {
    void started[started.length - 1].terminate()
    try {
      expect(multiply(engine)).toBe(expected)
    } catch (error) {
      expect(error).toBeInstanceOf(WorkerLostError)
    }
    await until(() => started.length === 2 * (round + 1) && engine.threads === 3)
    expect(multiply(engine)).toBe(expected)
  }
  expect(engine.whyOneThread).toBeUndefined()
})

test('if workers end again and again, the engine stops replacing them, and reports it', async () => {
  await using engine = await openSimd({ threads: 2 })
  while (engine.whyOneThread === undefined) {
    const before = started.length
    void started[before - 1].terminate()
    await until(() => started.length > before || engine.whyOneThread !== undefined)
  }
  expect(engine.whyOneThread).toMatch(/workers ended \d+ times/)
  expect(engine.threads).toBe(1)
  expect(multiply(engine)).toBe(expected)
})

test('closed engines free all threads and memory', async () => {
  for (let cycle = 0; cycle < 60; cycle++) {
    const engine = await openSimd({ threads: 2 })
    if (cycle % 10 === 0) expect(multiply(engine)).toBe(expected)
    await engine.close()
    expect(engine.usedBytes).toBe(0)
  }
})
