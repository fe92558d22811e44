import { openSimd, type SimdEngine } from '../src'

/** The builds that this runtime can run: relaxed only where the probe finds it right. */
export const engines = async (threads = 1): Promise<SimdEngine[]> => {
  const best = await openSimd({ threads })
  return best.build === 'plain' ? [best] : [best, await openSimd({ threads, relaxed: false })]
}

/** Puts numbers into an engine's memory. */
export const put = (engine: SimdEngine, data: ArrayLike<number>): number => {
  const pointer = engine.alloc(data.length * 4)
  engine.f32(pointer, data.length).set(data)
  return pointer
}

export const putIds = (engine: SimdEngine, ids: ArrayLike<number>): number => {
  const pointer = engine.alloc(ids.length * 4)
  engine.i32(pointer, ids.length).set(ids)
  return pointer
}

/** Room for `count` numbers and one beyond, marked, so that `take` notices who writes too far. */
export const room = (engine: SimdEngine, count: number): number => {
  const pointer = engine.alloc((count + 1) * 4)
  engine.f32(pointer, count + 1).fill(-777)
  return pointer
}

export const take = (engine: SimdEngine, pointer: number, count: number): Float32Array => {
  const numbers = engine.f32(pointer, count + 1).slice()
  if (numbers[count] !== -777) throw new Error('a kernel wrote beyond its output')
  return numbers.subarray(0, count)
}
