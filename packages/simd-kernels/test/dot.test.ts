import { describe, expect, test } from 'vitest'
import { type Int8Dot, openSimd, SimdEngine } from '../src'
import { Crew } from '../src/crew'
import { binary } from '../src/kernels'
import { Memory } from '../src/memory'
import { quantisation } from '../src/weights'
import { put, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'

// Which dot product a machine has decides which kernels it runs. All relaxed ones are exact where the second operand has no more
// than 7 bits, so with weights that stay within them each machine can run the kernels of every other.

const seed = Date.now() >>> 0
const found = await (async () => {
  await using engine = await openSimd({ threads: 1 })
  return engine.int8Dot
})()

/** An engine that takes the dot product for `int8Dot`, whatever it is. */
const pretend = async (int8Dot: Int8Dot): Promise<SimdEngine> => {
  const memory = new Memory(2 ** 26)
  const crew = await Crew.start(await WebAssembly.compile(binary('relaxed')), memory, 1)
  return new SimdEngine(memory, crew, { build: 'relaxed', int8Dot, fma: false, whyOneThread: undefined })
}

describe.skipIf(found === 'none')(`kernels of other machines than this one, which is ${found}; seed ${seed}`, () => {
  test.each([
    // weights as bytes that the second operand holds in 7 bits: with 128 added, as they are, and without their sign
    { int8Dot: 'unsigned8', dtype: 'q8_0', low: -128, high: -1 },
    { int8Dot: 'signed8', dtype: 'q8_0', low: 0, high: 127 },
    { int8Dot: 'unsigned7', dtype: 'q8_0', low: -128, high: 127 },
    { int8Dot: 'unsigned8', dtype: 'q4_0', low: 0, high: 255 },
    { int8Dot: 'signed8', dtype: 'q4_0', low: 0, high: 255 },
    { int8Dot: 'unsigned7', dtype: 'q4_0', low: 0, high: 255 },
  ] as const)('$dtype by $int8Dot', async ({ int8Dot, dtype, low, high }) => {
    await using engine = await pretend(int8Dot)
    const random = new Random(seed)
    const [out, columns] = [21, 320]
    const blockBytes = dtype === 'q8_0' ? 34 : 18
    const data = Uint8Array.from({ length: ((out * columns) / 32) * blockBytes }, (_, i) =>
      i % blockBytes === 0 ? 0 : i % blockBytes === 1 ? 0x20 : random.integer(low, high),
    )
    const values = (dtype === 'q8_0' ? reference.fromQ8 : reference.fromQ4)(data)
    const packed = engine.packWeight({ dtype, out, in: columns, data })
    const most = quantisation(dtype, int8Dot).widen ? 32767 : 127
    for (const tokens of [1, 2, 4, 7]) {
      const x = random.normal(tokens * columns)
      const y = room(engine, tokens * out)
      engine.linear(put(engine, x), packed, y, tokens)
      const expected = reference.linear(reference.quantised(x, most), values, tokens, out, columns)
      expect(reference.error(take(engine, y, tokens * out), expected)).toBeLessThan(3e-6)
    }
  })
})
