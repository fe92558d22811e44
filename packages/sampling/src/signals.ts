/**
 * Whether the value can be listened to as an AbortSignal. It is judged by its members: a signal of another realm (a
 * frame, a `vm` context, jsdom, a polyfill) is not an instance of this realm's class.
 */
export const isAbortSignal = (value: unknown): value is AbortSignal => {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  )
}

/** Why a signal aborted. Old polyfills have no reason; then it is the platform's usual error. */
const reasonOf = (signal: AbortSignal): unknown =>
  signal.reason ?? new DOMException('This operation was aborted', 'AbortError')

/** @throws the signal's reason if it has aborted */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw reasonOf(signal)
}

/**
 * The outcome of the promise, or a rejection with the signal's reason as soon as it aborts, whichever comes first.
 * After an abort the promise's own outcome is ignored.
 */
export const abortable = async <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(reasonOf(signal))
    // The pass itself may have aborted the signal before a listener was added.
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    // race() handles the rejection of the slower one too.
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
