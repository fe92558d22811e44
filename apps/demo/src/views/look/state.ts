import { computed, signal } from '@preact/signals'
import { engine, type Inspection } from '../../engine'
import { explain, isAbort } from '../../problems'
import { panel } from '../../route'
import { problem, textToLookAt } from '../../state'

/** The text in the field; undefined follows what was written last. */
const edited = signal<string | undefined>(undefined)

export const text = computed(() => edited.value ?? textToLookAt.value)

export const edit = (value: string): void => {
  edited.value = value
}

/** The part of the view that is shown. */
export const shownPart = computed(() => panel.value ?? 'next')

/** What one pass over the text showed. */
export const inspection = signal<Inspection | undefined>(undefined)
export const looking = signal(false)

/** The token that is looked at. */
export const position = signal(0)

let stop = new AbortController()

export const look = async (): Promise<void> => {
  stop.abort()
  const mine = new AbortController()
  stop = mine
  looking.value = true
  try {
    const seen = await engine.inspect(text.value, mine.signal)
    inspection.value = seen
    position.value = mostSurprised(seen.expected)
  } catch (error) {
    if (!isAbort(error)) problem.value = explain(error)
  } finally {
    if (stop === mine) looking.value = false
  }
}

/** Where the model expected the token that follows the least: a good place to start looking. */
const mostSurprised = (expected: Float32Array): number => {
  let least = Math.min(1, expected.length - 1)
  // What follows the first token alone is a guess of every text's start.
  for (let at = 2; at < expected.length; at++) if (least < 2 || expected[at] < expected[least]) least = at
  return Math.max(least - 1, 0)
}
