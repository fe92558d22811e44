import { expect, test } from 'vitest'
import { openSimd, type SimdEngine, weightTypes } from '../src'
import { put, room, take } from './engines'
import { Random } from './random'
import { randomWeight } from './weight-data'

// A sequence's numbers must not depend on what else runs in the same pass, nor on the number of threads.

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const rowCounts = [1, 2, 3, 7, 8, 9, 31, 64, 200]
const builds = [true, false]

/** An engine that the build needs; undefined if this runtime has no relaxed SIMD. */
const open = async (relaxed: boolean, threads: number): Promise<SimdEngine | undefined> => {
  const engine = await openSimd({ threads, relaxed: relaxed ? 'auto' : false })
  if (relaxed === (engine.build === 'relaxed')) return engine
  await engine.close()
  return undefined
}

test.each(builds.flatMap(relaxed => weightTypes.map(dtype => ({ relaxed, dtype }))))(
  `a row of linear is the same bits in any call, $dtype, relaxed $relaxed, seed ${seed}`,
  async ({ relaxed, dtype }) => {
    const random = new Random(seed)
    const [out, columns] = [53, 1280]
    const { weight } = randomWeight(random, dtype, out, columns)
    const x = random.normal(Math.max(...rowCounts) * columns)
    const expected = new Map<number, Uint8Array>()
    for (const threads of [1, 2]) {
      const engine = await open(relaxed, threads)
      if (!engine) return
      const packed = engine.packWeight(weight)
      const from = put(engine, x)
      const y = room(engine, out)
      for (let row = 0; row < 200; row++) {
        engine.linear(from + 4 * row * columns, packed, y, 1)
        const bits = bitsOf(take(engine, y, out))
        if (threads === 1) expected.set(row, bits)
        else expect(bits).toEqual(expected.get(row))
      }
      for (const rows of rowCounts) {
        const output = room(engine, rows * out)
        engine.linear(from, packed, output, rows)
        const found = take(engine, output, rows * out)
        for (let row = 0; row < rows; row++)
          if (!same(bitsOf(found.subarray(row * out, (row + 1) * out)), expected.get(row)))
            throw new Error(`row ${row} of ${rows} differs on ${threads} threads`)
      }
      await engine.close()
    }
  },
)

test.each(builds)(`a row of matmul is the same bits in any call, relaxed %s, seed ${seed}`, async relaxed => {
  const random = new Random(seed)
  const [n, k] = [53, 1100]
  const most = Math.max(...rowCounts)
  const [left, right, start] = [random.normal(most * k), random.normal(n * k), random.normal(most * n)]
  for (const accumulate of [false, true])
    for (const b of [false, true]) {
      let expected: Float32Array | undefined
      for (const threads of [1, 2]) {
        const engine = await open(relaxed, threads)
        if (!engine) return
        const [pa, pb] = [put(engine, left), put(engine, right)]
        const run = (row: number, m: number): Float32Array => {
          const out = room(engine, m * n)
          engine.f32(out, m * n).set(start.subarray(row * n, (row + m) * n))
          engine.matmul(pa + 4 * row * k, pb, out, { m, n, k }, { b, accumulate })
          const found = take(engine, out, m * n)
          engine.free(out)
          return found
        }
        expected ??= Float32Array.from(Array.from({ length: most }, (_, row) => Array.from(run(row, 1))).flat())
        for (const rows of rowCounts)
          expect(same(bitsOf(run(0, rows)), bitsOf(expected.subarray(0, rows * n)))).toBe(true)
        await engine.close()
      }
    }
})

const bitsOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength))

const same = (a: Uint8Array, b: Uint8Array | undefined) => b !== undefined && Buffer.compare(a, b) === 0
