import { describe, expect, test } from 'vitest'
import { nextTurn } from './event-loop'

const { MessageChannel, setImmediate, setTimeout } = globalThis

describe('nextTurn runs due timers and events, on a platform', () => {
  test.each<[string, Parameters<typeof nextTurn>[0], string]>([
    ['with setImmediate (Node, Deno, Bun)', { setImmediate, MessageChannel, setTimeout }, 'setImmediate'],
    ['with MessageChannel (browsers)', { MessageChannel, setTimeout }, 'MessageChannel'],
    ['with setTimeout alone (happy-dom)', { setTimeout }, 'setTimeout'],
  ])('%s', async (_, platform, expected) => {
    const used: string[] = []
    const watched = new Proxy(platform as object, {
      get(target, name: string) {
        const value = (target as Record<string, unknown>)[name]
        if (value !== undefined) used.push(name)
        return value
      },
    }) as typeof platform
    let isTimerDue = false
    setTimeout(() => {
      isTimerDue = true
    }, 0)
    const end = performance.now() + 5
    while (performance.now() < end);
    for (let i = 0; i < 3 && !isTimerDue; i++) await nextTurn(watched)
    expect(isTimerDue).toBe(true)
    expect(new Set(used)).toEqual(new Set([expected]))
  })
})
