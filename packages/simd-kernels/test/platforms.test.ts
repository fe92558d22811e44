import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { openSimd } from '../src'

// Platforms that refuse threads or memory: the engine uses less.

const workerThreads: typeof import('node:worker_threads') = createRequire(import.meta.url)('node:worker_threads')

test('if no worker starts, the calling thread works alone and the engine reports why', async () => {
  const { Worker } = workerThreads
  workerThreads.Worker = class {
    constructor() {
      throw new Error('access to this API has been restricted')
    }
  } as never
  try {
    await using engine = await openSimd({ threads: 2 })
    expect(engine.threads).toBe(1)
    expect(engine.whyOneThread).toContain('access to this API has been restricted')
    const pointer = engine.alloc(16)
    engine.f32(pointer, 4).set([1, 2, 3, 4])
    engine.add(pointer, pointer, pointer, 4)
    expect([...engine.f32(pointer, 4)]).toEqual([2, 4, 6, 8])
  } finally {
    workerThreads.Worker = Worker
  }
})

test('where 4 GiB cannot be reserved, a smaller memory is', async () => {
  const { Memory } = WebAssembly
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if ((descriptor.maximum ?? 0) > 8192) throw new RangeError('could not allocate memory')
      super(descriptor)
    }
  }
  try {
    await using engine = await openSimd({ threads: 1 })
    expect(engine.maxBytes).toBe(2 ** 29)
    expect(() => engine.alloc(2 ** 29)).toThrow('limited to 512 MiB')
  } finally {
    WebAssembly.Memory = Memory
  }
})
