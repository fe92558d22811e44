import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { scripted } from '../test/models'
import { generate } from './generate'
import { abortable, isAbortSignal, throwIfAborted } from './signals'

/** A signal as an old polyfill or another realm has it: no instance of this realm's class, and no reason. */
const foreignController = () => {
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
  }
  return {
    signal: signal as unknown as AbortSignal,
    listeners,
    abort() {
      signal.aborted = true
      for (const listener of listeners) listener()
    },
  }
}

describe('isAbortSignal', () => {
  test('knows a signal by its members, whatever realm it comes from', () => {
    expect(isAbortSignal(new AbortController().signal)).toBe(true)
    expect(isAbortSignal(foreignController().signal)).toBe(true)
    const other = runInNewContext(
      '({ aborted: false, addEventListener() {}, removeEventListener() {}, reason: undefined })',
    )
    expect(isAbortSignal(other)).toBe(true)
  })

  test.each([undefined, null, {}, 'abort', { aborted: false }, new AbortController()])('refuses %s', value => {
    expect(isAbortSignal(value)).toBe(false)
  })
})

describe('abortable', () => {
  const reason = new Error('the user left')
  const never = new Promise<never>(() => {})

  test('a signal that has aborted before rejects at once: no event will come', async () => {
    await expect(abortable(never, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(reason)
  })

  test('gives the outcome of a promise that settles first, and stops listening', async () => {
    const { signal, listeners } = foreignController()
    expect(await abortable(Promise.resolve(7), signal)).toBe(7)
    await expect(abortable(Promise.reject(reason), signal)).rejects.toBe(reason)
    expect(listeners.size).toBe(0)
  })

  test('a signal without a reason rejects with an AbortError', async () => {
    const { signal, abort, listeners } = foreignController()
    const waiting = abortable(never, signal)
    abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    expect(listeners.size).toBe(0)
  })
})

test('a model that aborts the signal itself, within a pass, ends the generation', async () => {
  const { signal, abort } = foreignController()
  const { model, log } = scripted([5, 6], 1, {
    wait: () => {
      abort()
      return new Promise(() => {})
    },
  })
  const generation = generate(model, [1], { signal })
  await expect(generation.all).rejects.toMatchObject({ name: 'AbortError' })
  expect(generation.finishReason).toBe('abort')
  expect(log).toMatchObject({ sequences: 0, passes: [[1]] })
})
