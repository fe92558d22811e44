import type { Job, Sample } from '../job'
import { counted } from '../report/format'
import type { Limit, Stint } from './thread'

export interface CeilingOptions {
  readonly threads: number
  /** Bytes that are read repeatedly: as many as a token needs, because a small model fits in a processor cache. */
  readonly bytes: number
}

/** A thread that carries out stints. */
export interface CeilingThread {
  work(stint: Stint): Promise<number>
  close(): Promise<void>
}

/** Bytes and operations a second of all threads together. A multiply-add is two operations. */
export interface CeilingSample extends Sample, Readonly<Record<Limit, number>> {}

const MILLISECONDS = 300
/** Until then all threads have heard of their stint, and have touched their memory. */
const HEAD_START = 50
const LARGEST = 2 ** 30

/**
 * The limits of this machine in this runtime: WebAssembly SIMD that only reads, or only multiplies and adds.
 * Native code with wider vectors may multiply faster, but it cannot read faster than the memory.
 */
export const measureCeilings = async (
  { threads, bytes }: CeilingOptions,
  start: () => Promise<CeilingThread>,
): Promise<Job> => {
  const all = await Promise.all(Array.from({ length: threads }, start))
  const share = Math.min(LARGEST, Math.ceil(bytes / threads / 128) * 128)
  const rate = async (limit: Limit): Promise<number> => {
    const from = Date.now() + HEAD_START
    const rates = await Promise.all(
      all.map(thread => thread.work({ limit, bytes: share, from, milliseconds: MILLISECONDS })),
    )
    return rates.reduce((sum, each) => sum + each, 0)
  }
  await rate('read') // the first touches the memory, and takes as long as that takes
  return {
    description: `WebAssembly SIMD, ${counted(threads, 'thread')}`,
    run: async (): Promise<CeilingSample> => ({
      read: await rate('read'),
      f32: await rate('f32'),
      i8: await rate('i8'),
    }),
    close: async () => {
      await Promise.all(all.map(thread => thread.close()))
    },
  }
}
