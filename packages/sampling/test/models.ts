import type { CausalModel } from '../src/index'

/** What a toy model was asked to do, and whether it got everything back. */
export interface Log {
  readonly passes: number[][]
  caches: number
  /** Of the last cache. */
  capacity: number
  logits: number
}

interface Toy {
  readonly vocabSize: number
  readonly maxSeqLen?: number
  /** The logits that follow the ids in the cache. */
  readonly next: (history: readonly number[]) => Float32Array
  /** Settles before the logits are given. */
  readonly wait?: () => Promise<unknown>
}

/** A model that is a function of all ids so far, and counts the caches and logits that nobody has disposed of. */
export const toyModel = ({ maxSeqLen = 64, next, wait = async () => {} }: Toy) => {
  const log: Log = { passes: [], caches: 0, capacity: 0, logits: 0 }
  const model: CausalModel<{ ids: number[] }> = {
    maxSeqLen,
    createCache({ capacity }) {
      log.caches++
      log.capacity = capacity
      return { ids: [], dispose: () => void log.caches-- }
    },
    forward(ids, cache) {
      if (cache.ids.length + ids.length > log.capacity) throw new RangeError('the cache is full')
      log.passes.push([...ids])
      log.logits++
      cache.ids.push(...ids)
      const logits = next(cache.ids)
      return {
        async read() {
          await wait()
          return logits
        },
        dispose: () => void log.logits--,
      }
    },
  }
  return { model, log }
}

/** Says the ids of `script` in turn after a prompt of `promptLength` tokens: greedily, and with high probability. */
export const scripted = (script: readonly number[], promptLength: number, toy: Partial<Toy> = {}) => {
  const vocabSize = toy.vocabSize ?? 16
  return toyModel({
    ...toy,
    vocabSize,
    next: history => {
      const logits = new Float32Array(vocabSize)
      logits[script[history.length - promptLength] ?? 0] = 20
      return logits
    },
  })
}

/** All items that an async iterable gives. */
export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const result: T[] = []
  for await (const item of items) result.push(item)
  return result
}
