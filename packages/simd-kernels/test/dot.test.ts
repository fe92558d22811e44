import { dtypes } from '@cria/dtypes'
import { describe, expect, test } from 'vitest'
import { type Int8Dot, openSimd, SimdEngine, type WeightType, weightTypes } from '../src'
import { binary } from '../src/kernels'
import { Memory } from '../src/memory'
import { ThreadPool } from '../src/thread-pool'
import { isQuantised, quantisation } from '../src/weights'
import { put, room, take } from './engines'
import { Random } from './random'
import * as reference from './reference'
import { numbersOf, randomWeight, subBlock } from './weight-data'

// The dot product of a machine decides which kernels it runs. All relaxed ones are exact if the second operand has no more than
// 7 bits, so with such weights each machine can run the kernels of every other machine.

const seed = Number(process.env.CRIA_SEED ?? Date.now() >>> 0)
const found = await (async () => {
  await using engine = await openSimd({ threads: 1 })
  return engine.int8Dot
})()

/** An engine that uses the kernels for `int8Dot` on any machine. */
const pretend = async (int8Dot: Int8Dot): Promise<SimdEngine> => {
  const memory = new Memory(2 ** 26)
  const pool = await ThreadPool.start(await WebAssembly.compile(binary('relaxed')), memory, 1)
  return new SimdEngine(memory, pool, { build: 'relaxed', int8Dot, fma: false, whyOneThread: undefined })
}

const here = found === 'none' ? 'which need relaxed SIMD: Node 24 or newer' : `which is ${found}`
describe.skipIf(found === 'none')(`int8 kernels of CPUs other than this one, ${here}; seed ${seed}`, () => {
  const kinds = ['unsigned8', 'signed8', 'unsigned7'] as const
  const cases = kinds.flatMap(int8Dot => weightTypes.filter(isQuantised).map(dtype => ({ int8Dot, dtype })))
  test.each(cases)('$dtype by $int8Dot', async ({ int8Dot, dtype }) => {
    await using engine = await pretend(int8Dot)
    const random = new Random(seed)
    const [out, columns] = [21, 768]
    const { weight } = randomWeight(random, dtype, out, columns, 0x3c00)
    limit(dtype, int8Dot, weight.data, random)
    const values = numbersOf(dtype, weight.data, out * columns)
    const packed = engine.packWeight(weight)
    const most = quantisation(dtype, int8Dot).widen ? 32767 : 127
    for (const tokens of [1, 2, 4, 7]) {
      const x = random.normal(tokens * columns)
      const y = room(engine, tokens * out)
      engine.linear(put(engine, x), packed, y, tokens)
      const rounded = reference.quantised(x, most, subBlock(dtype))
      const expected = reference.linear(rounded, values, tokens, out, columns)
      expect(reference.error(take(engine, y, tokens * out), expected)).toBeLessThan(1e-5)
    }
  })
})

/** Keeps bytes in 7 bits: those with 128 added below 128, those with a sign at 0 or above. */
const limit = (dtype: WeightType, int8Dot: Int8Dot, data: Uint8Array, random: Random): void => {
  const { blockBytes } = dtypes[dtype]
  const low = int8Dot === 'unsigned8'
  if (int8Dot === 'unsigned7') return
  const [first, pick] = {
    q8_0: [2, () => random.integer(low ? 128 : 0, low ? 255 : 127)] as const,
    // The first half of the table of iq4 is below 0.
    iq4_nl: [2, () => (random.integer(0, 255) & 0x77) | (low ? 0 : 0x88)] as const,
    iq4_xs: [8, () => (random.integer(0, 255) & 0x77) | (low ? 0 : 0x88)] as const,
  }[dtype as string] ?? [blockBytes, () => 0]
  for (let i = 0; i < data.length; i++) if (i % blockBytes >= first) data[i] = pick()
}
