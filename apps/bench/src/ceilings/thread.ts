import { type CeilingKernels, instantiateAll } from './kernels'

/** What is driven to its limit: reading memory, or multiplying and adding numbers of a type. */
export type Limit = 'read' | 'f32' | 'i8'

/** Work for one thread. All threads begin at the same time and run for the same time, so that their rates can be added. */
export interface Stint {
  readonly limit: Limit
  /** Bytes that `read` goes through again and again. */
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly milliseconds: number
}

const MEBIBYTE = 2 ** 20
const PAGE = 2 ** 16
/** Multiply-adds of one call: about a tenth of a millisecond. */
const ROUNDS = 20_000
const SUMS = 12

let memory = new WebAssembly.Memory({ initial: 0 })

/** Memory of at least this many bytes. Every page is written first, because a page that was never written has no memory. */
const memoryOf = (bytes: number): WebAssembly.Memory => {
  if (memory.buffer.byteLength < bytes) {
    memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) })
    new Uint8Array(memory.buffer).fill(1)
  }
  return memory
}

/** One call of a limit's kernel, which returns how much it has done: bytes, or multiplications and additions. */
const stepOf = (kernels: CeilingKernels, { limit, bytes }: Stint): (() => number) => {
  if (limit === 'f32') {
    return () => {
      kernels.multiplyAddF32(ROUNDS, 0.5, 1)
      return ROUNDS * SUMS * 4 * 2
    }
  }
  if (limit === 'i8') {
    const width = kernels.I8_WIDTH.value as number
    return () => {
      kernels.multiplyAddI8(ROUNDS, 3, 5)
      return ROUNDS * SUMS * width * 2
    }
  }
  let at = 0
  return () => {
    const length = Math.min(MEBIBYTE, bytes - at)
    kernels.read(at, length)
    at = at + length < bytes ? at + length : 0
    return length
  }
}

const now = () => performance.timeOrigin + performance.now()

/** @returns what one thread gets done in a second, by the better of plain and relaxed SIMD */
export const work = (stint: Stint): number => {
  const builds = instantiateAll(memoryOf(stint.limit === 'read' ? stint.bytes : PAGE))
  const share = stint.milliseconds / builds.length
  const rates = builds.map((kernels, i) => {
    const step = stepOf(kernels, stint)
    const start = stint.from + i * share
    while (now() < start) step() // and the compiler optimises meanwhile
    const begin = now()
    let done = 0
    do done += step()
    while (now() < start + share)
    return (1000 * done) / (now() - begin)
  })
  return Math.max(...rates)
}
