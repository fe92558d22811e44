import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { openSimd, type SimdEngine, SimdMemoryError, weightTypes } from '../src'
import { put, putIds, room, take } from './engines'
import { Random } from './random'
import { randomWeight } from './weight-data'

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const [n, k] = [515, 1024]
const weights = weightTypes.map(dtype => randomWeight(new Random(seed), dtype, n, k).weight)

/** The bits of every kernel's result, as hashes, on inputs that depend on the seed alone, large enough to be cut into many chunks. */
const results = (engine: SimdEngine): Record<string, string> => {
  const random = new Random(seed)
  const found: Record<string, string> = {}
  const run = (name: string, count: number, kernel: (out: number) => void): void => {
    const out = room(engine, count)
    for (let repetition = 0; repetition < 4; repetition++) {
      kernel(out)
      const result = createHash('sha1')
        .update(take(engine, out, count))
        .digest('hex')
      if (repetition > 0) expect(result).toBe(found[name])
      found[name] = result
    }
  }
  const x = put(engine, random.normal(30 * k))
  for (const data of weights) {
    const weight = engine.packWeight(data)
    for (const tokens of [1, 30])
      run(`linear ${data.dtype} ${tokens}`, tokens * n, out => engine.linear(x, weight, out, tokens))
    engine.free(weight.pointer)
  }
  const [a, b] = [put(engine, random.normal(100_000)), put(engine, random.normal(100_000))]
  const angles = put(engine, random.normal(100 * 32))
  const positions = putIds(
    engine,
    Array.from({ length: 90 }, (_, row) => row % 45),
  )
  run('matmul', 400 * 200, out => engine.matmul(a, b, out, { m: 400, n: 200, k: 100 }, { a: true }))
  const size = { tokens: 20, heads: 8, kvHeads: 4, headDim: 64 }
  const [first, last] = [
    putIds(engine, new Array(20).fill(3)),
    putIds(
      engine,
      Array.from({ length: 20 }, (_, t) => 300 + t),
    ),
  ]
  run('attention', 20 * 8 * 64, out => engine.attention(x, a, b, first, last, out, size))
  run('attention of one token', 8 * 64, out => engine.attention(x, a, b, first, last, out, { ...size, tokens: 1 }))
  run('layerNorm', 100_000, out => engine.layerNorm(a, b, b, out, 100, 1000, 1e-5))
  run('rmsNorm', 100_000, out => engine.rmsNorm(a, b, out, 100, 1000, 1e-5))
  run('rope', 100 * 16 * 64 - 6400, out =>
    engine.rope(a, angles, angles, positions, out, { rows: 90, heads: 16, headDim: 64, pairing: 'interleaved' }),
  )
  run('argMax', 100, out => engine.argMax(a, 100, 1000, 999, out))
  run('softmax', 100_000, out => engine.softmax(a, out, 100, 1000))
  run('siluMul', 99_999, out => engine.siluMul(a, b, out, 99_999))
  run('add', 99_999, out => engine.add(a, b, out, 99_999))
  return found
}

test(`results are the same bits on 1, 2 and 3 threads, seed ${seed}`, async () => {
  const [first, ...others] = await Promise.all([1, 2, 3].map(threads => openSimd({ threads })))
  const expected = results(first)
  for (const engine of others) expect(results(engine)).toEqual(expected)
  expect(others.map(engine => engine.threads)).toEqual([2, 3])
  await Promise.all([first, ...others].map(engine => engine.close()))
})

test('a new engine has its own memory, the same options, and workers after a short time', async () => {
  await using engine = await openSimd({ threads: 2, maxBytes: 2 ** 21 })
  put(engine, new Float32Array(1000))
  await using other = engine.withNewMemory()
  expect(other.usedBytes).toBeLessThan(4000)
  expect(other).toMatchObject({ maxBytes: 2 ** 21, build: engine.build, int8Dot: engine.int8Dot, threads: 1 })
  const pointer = put(other, [3, 1, 4])
  const doubled = () => {
    other.add(pointer, pointer, pointer, 3)
    return Array.from(other.f32(pointer, 3))
  }
  expect(doubled()).toEqual([6, 2, 8])
  while (other.threads < 2) await new Promise(resolve => setTimeout(resolve, 1))
  expect(doubled()).toEqual([12, 4, 16])
  expect(() => other.alloc(2 ** 21)).toThrow(SimdMemoryError)
})

test('the error of a memory that is too small says how much is needed', async () => {
  await using engine = await openSimd({ threads: 1, maxBytes: 2 ** 22 })
  const kept = engine.alloc(2 ** 20)
  const refused = () => engine.alloc(2 ** 30)
  expect(refused).toThrow(SimdMemoryError)
  expect(refused).toThrow(/1024 MiB more would need a memory of 102[5-9] MiB, and it is limited to 4 MiB/)
  for (const bytes of [2 ** 38, 2 ** 42, Number.MAX_SAFE_INTEGER])
    expect(() => engine.alloc(bytes)).toThrow(SimdMemoryError)
  engine.free(kept)
  engine.free(engine.alloc(3 * 2 ** 20)) // the refused allocation took no memory
  expect(() => engine.free(kept)).toThrow(RangeError)
})

test('a kernel without memory for its scratch space throws, and works when there is memory', async () => {
  await using engine = await openSimd({ threads: 2, maxBytes: 2 ** 21 })
  const [m, k] = [300, 300]
  const [a, out] = [put(engine, new Float32Array(m * k).fill(1)), room(engine, m * m)]
  engine.matmul(a, a, out, { m: 2, n: 2, k: 2 })
  const rest = engine.alloc(2 ** 20 + 2 ** 17)
  const multiply = () => engine.matmul(a, a, out, { m, n: m, k })
  expect(multiply).toThrow(SimdMemoryError)
  expect(multiply).toThrow(SimdMemoryError)
  engine.free(rest)
  multiply()
  expect(take(engine, out, m * m).every(value => value === k)).toBe(true)
})

test('4 GiB can be held, and more cannot', async () => {
  await using engine = await openSimd({ threads: 1 })
  const pointers = Array.from({ length: 3 }, () => engine.alloc(2 ** 30))
  const last = engine.alloc(2 ** 30 - 2 ** 17)
  engine.f32(last, 2 ** 28 - 2 ** 15).set([1, 2, 3], 2 ** 28 - 2 ** 15 - 3)
  const end = last + 4 * (2 ** 28 - 2 ** 15 - 3)
  engine.add(end, end, end, 3)
  expect(Array.from(engine.f32(end, 3))).toEqual([2, 4, 6])
  expect(engine.memoryBytes).toBe(2 ** 32)
  expect(() => engine.alloc(2 ** 20)).toThrow(SimdMemoryError)
  for (const pointer of [...pointers, last]) engine.free(pointer)
  expect(engine.usedBytes).toBeLessThan(2 ** 20)
})

test('options that cannot be used are refused', async () => {
  await expect(openSimd({ threads: 0 })).rejects.toThrow('threads is a whole number from 1 to 256, not 0')
  await expect(openSimd({ threads: 1.5 })).rejects.toThrow('not 1.5')
  await expect(openSimd({ threads: 1, maxBytes: 2 ** 33 })).rejects.toThrow('4 GiB')
})
