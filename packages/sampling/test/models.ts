import { onTestFinished, vi } from 'vitest'
import {
  type DrawRequest,
  draw,
  type GreedyRequest,
  type PassRequest,
  type SequenceModel,
  type TokenSequence,
  temperature,
  topP,
} from '../src/index'

/** What a toy model was asked to do, and whether everything was disposed of. */
export interface Log {
  /** The ids of each pass. */
  readonly passes: number[][]
  /** The kind of each pass. */
  readonly kinds: string[]
  /** Sequences made, and those of them that live. */
  created: number
  sequences: number
  /** Of the last sequence. */
  capacity: number
  forks: number
}

interface Toy {
  readonly maxSeqLen?: number
  /** The logits that follow the ids in the sequence. */
  readonly next: (history: readonly number[]) => Float32Array
  /** Settles before the logits are given. */
  readonly wait?: () => Promise<unknown>
  /** Whether it can find the most likely id itself. */
  readonly greedy?: boolean
  /** Whether it can draw an id itself. */
  readonly draws?: boolean
}

/** A model that is a function of all ids so far, and counts the sequences that nobody has disposed of. */
export const toyModel = ({ maxSeqLen = 64, next, wait = async () => {}, greedy = false, draws = false }: Toy) => {
  const log: Log = { passes: [], kinds: [], created: 0, sequences: 0, capacity: 0, forks: 0 }

  const createSequence = (capacity: number, held: readonly number[] = []): TokenSequence => {
    const ids = [...held]
    let isRunning = false
    let isDisposed = false
    log.created++
    log.sequences++
    log.capacity = capacity

    const run = async (kind: string, more: readonly number[], { logits = 'last', onProgress }: PassRequest) => {
      if (isDisposed || isRunning) throw new Error('a pass of a sequence that is disposed of or running')
      if (more.length === 0) throw new RangeError('a pass of no ids')
      if (ids.length + more.length > capacity) throw new RangeError('the sequence is full')
      log.passes.push([...more])
      log.kinds.push(kind)
      const rows: Float32Array[] = []
      for (const [i, id] of more.entries()) {
        ids.push(id)
        if (logits === 'all' || i === more.length - 1) rows.push(next(ids))
      }
      onProgress?.(more.length)
      isRunning = true
      try {
        await wait()
      } finally {
        isRunning = false
      }
      return rows
    }

    return {
      capacity,
      get length() {
        return ids.length
      },
      forward: (more, request = {}) => run('forward', more, request),
      ...(greedy && {
        greedy: async (more: readonly number[], { vocabSize, ...request }: GreedyRequest = {}) =>
          (await run('greedy', more, request)).map(row => {
            const candidates = [...row.subarray(0, vocabSize)]
            return candidates.every(Number.isFinite) ? candidates.indexOf(Math.max(...candidates)) : -1
          }),
      }),
      ...(draws && {
        draw: async (
          more: readonly number[],
          { vocabSize, temperature: t, topP: p, random, ...request }: DrawRequest,
        ) =>
          (await run('draw', more, request)).map(row => {
            const logits = row.subarray(0, vocabSize)
            return logits.every(Number.isFinite) ? draw(topP(p)(temperature(t)(logits, []), []), random) : -1
          }),
      }),
      rewind(length) {
        if (isRunning || length > ids.length) throw new Error('a rewind of a sequence that is running or shorter')
        ids.length = length
      },
      fork() {
        if (isRunning) throw new Error('a fork of a sequence that is running')
        log.forks++
        return createSequence(capacity, ids)
      },
      dispose() {
        if (isDisposed) throw new Error('a sequence disposed of twice')
        isDisposed = true
        log.sequences--
      },
    }
  }

  const model: SequenceModel = { maxSeqLen, createSequence: ({ capacity }) => createSequence(capacity) }
  return { model, log }
}

/** Predicts the ids of `script` one after the other after a prompt of `promptLength` tokens, with high probability. */
export const scripted = (
  script: readonly number[],
  promptLength: number,
  { vocabSize = 16, ...toy }: Partial<Toy> & { readonly vocabSize?: number } = {},
) =>
  toyModel({
    ...toy,
    next: history => {
      const logits = new Float32Array(vocabSize)
      logits[script[history.length - promptLength] ?? 0] = 20
      return logits
    },
  })

/** A clock that moves only by the milliseconds of each pass, which waits for `wait`, and by `advance`; until the test ends. */
export const timedPasses = (passes: readonly number[]) => {
  let now = 1000
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const advance = (milliseconds: number) => {
    now += milliseconds
  }
  const left = passes.values()
  return { advance, wait: async () => advance(left.next().value ?? 0) }
}

/** All items that an async iterable gives. */
export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const result: T[] = []
  for await (const item of items) result.push(item)
  return result
}
