/** A part of a prompt. */
export interface Segment {
  readonly text: string
  /** Whether the text is the template's own, and may hold special tokens. The text of messages never is. */
  readonly special: boolean
}

/** The segments, without empty ones, neighbours of one kind joined. */
export const joined = (segments: Iterable<Segment>): Segment[] => {
  const result: { text: string; special: boolean }[] = []
  for (const { text, special } of segments) {
    const last = result[result.length - 1]
    if (text === '') continue
    if (last?.special === special) last.text += text
    else result.push({ text, special })
  }
  return result
}

/** The text of all segments. */
export const textOf = (segments: readonly Segment[]): string => segments.map(({ text }) => text).join('')

/** The part of segments from `start` to `end`, in UTF-16 units. */
export const sliced = (segments: readonly Segment[], start: number, end: number): Segment[] => {
  const result: Segment[] = []
  let at = 0
  for (const { text, special } of segments) {
    const part = text.slice(Math.max(0, start - at), Math.max(0, end - at))
    if (part !== '') result.push({ text: part, special })
    at += text.length
  }
  return result
}
