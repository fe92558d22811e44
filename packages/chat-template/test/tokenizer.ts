import type { ChatTokenizer } from '../src'

/**
 * A tokenizer whose ids are code points, and for special tokens their numbers from 2^21: what was encoded can be read
 * again. Each text that it is given begins with its own mark, as SentencePiece's dummy prefix is.
 */
export const readable = (
  special: readonly string[],
  { added = [], knowsAdded = true }: { added?: readonly string[]; knowsAdded?: boolean } = {},
) => {
  const base = 1 << 21
  const names = [...special, ...added]
  const calls: string[] = []
  const tokenizer: ChatTokenizer = {
    bosId: base,
    specialTokens: new Map(special.map((name, i) => [name, base + i])),
    addedTokens: knowsAdded ? added : undefined,
    encode(text, options) {
      calls.push(text)
      const ids: number[] = []
      const wanted = [...(options.special ? special : []), ...(options.added === false ? [] : added)]
      for (let at = 0; at < text.length; ) {
        const name = wanted
          .filter(name => text.startsWith(name, at))
          .sort((a, b) => b.length - a.length)
          .at(0)
        const character = String.fromCodePoint(text.codePointAt(at) as number)
        ids.push(name === undefined ? (character.codePointAt(0) as number) : base + names.indexOf(name))
        at += (name ?? character).length
      }
      return Uint32Array.from(ids)
    },
  }
  /** The ids as text, tokens in their own brackets. */
  const read = (ids: ArrayLike<number>): string =>
    Array.from(ids, id => (id >= base ? `⟦${names[id - base]}⟧` : String.fromCodePoint(id))).join('')
  return { tokenizer, read, calls }
}
