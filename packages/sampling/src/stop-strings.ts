/** Finds stop strings in text that comes in pieces, and passes on the text before them. */
export interface StopStringFilter {
  /** Takes the next piece; returns the text that is certain not to be part of a stop string, and whether one is found. */
  push(text: string): { text: string; found: boolean }
  /** The text still held back, once no more will come. */
  end(): string
}

/**
 * A filter for the stop strings: of all their occurrences it finds the one that ends first (the longest of those), and
 * lets no character of it pass, however the text is cut into pieces.
 *
 * @param stops none of them empty
 */
export const stopStringFilter = (stops: readonly string[]): StopStringFilter => {
  let held = ''
  return {
    push(text) {
      held += text
      const match = firstToEnd(held, stops)
      const passed = match?.start ?? held.length - heldBack(held, stops)
      const result = { text: held.slice(0, passed), found: match !== undefined }
      held = held.slice(passed)
      return result
    },
    end: () => held,
  }
}

const firstToEnd = (text: string, stops: readonly string[]): { start: number; end: number } | undefined => {
  let first: { start: number; end: number } | undefined
  for (const stop of stops) {
    const start = text.indexOf(stop)
    const end = start + stop.length
    if (start >= 0 && (!first || end < first.end || (end === first.end && start < first.start))) first = { start, end }
  }
  return first
}

/** The length of the longest end of `text` that a stop string begins with. */
const heldBack = (text: string, stops: readonly string[]): number => {
  const longest = Math.max(0, ...stops.map(stop => stop.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const tail = text.slice(-length)
    if (stops.some(stop => stop.startsWith(tail))) return length
  }
  return 0
}
