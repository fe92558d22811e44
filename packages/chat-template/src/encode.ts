import { joined, type Segment, textOf } from './segments'

/** The interface of a tokenizer that encodes chats. Cria's tokenizers have it. */
export interface ChatTokenizer {
  /**
   * The ids of a text.
   *
   * @param options.special recognise special tokens by their names in the text
   * @param options.added recognise other added tokens too. Default true
   */
  encode(text: string, options: { special: boolean; added?: boolean }): ArrayLike<number>
  readonly bosId?: number | undefined
  /** The special tokens by name. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** Names of added tokens that are not special. Where they are known, no message can hold one either. */
  readonly addedTokens?: Iterable<string> | undefined
}

/** How a chat is encoded. */
export interface EncodeChatOptions {
  /** Begin with BOS, unless the prompt does so already. Default false: templates write BOS where a model wants one. */
  readonly bos?: boolean | undefined
}

/**
 * The ids of a prompt. Special tokens are recognised only in the template's own text. A message that contains the name of
 * one, or completes a name that the template began, is encoded as plain text. Text between special tokens is
 * encoded as one text, so the result is the same as encoding the whole prompt at once.
 */
export const encodeChat = (
  tokenizer: ChatTokenizer,
  segments: readonly Segment[],
  { bos = false }: EncodeChatOptions = {},
): number[] => {
  const ids = encoded(tokenizer, joined(segments))
  if (bos && tokenizer.bosId !== undefined && ids[0] !== tokenizer.bosId) ids.unshift(tokenizer.bosId)
  return ids
}

const encoded = (tokenizer: ChatTokenizer, segments: readonly Segment[]): number[] => {
  const text = textOf(segments)
  const owners = ownersOf(segments)
  const { tokens, isForged } = ownTokens(tokenizer, segments)
  // If no message contains a name, the tokenizer can split the whole text itself.
  if (!isForged && tokenizer.addedTokens !== undefined) return Array.from(tokenizer.encode(text, { special: true }))

  const ids: number[] = []
  const add = (part: Part, options: { special: boolean; added?: boolean }): void => {
    if (part.end === part.start) return
    const more = tokenizer.encode(text.slice(part.start, part.end), options)
    for (let i = 0; i < more.length; i++) ids.push(more[i])
  }
  const addText = (part: Part): void => add(part, { special: false, added: owners.isOwn(part) })
  let at = 0
  for (const part of tokens) {
    addText({ start: at, end: part.start })
    add(part, { special: true })
    at = part.end
  }
  addText({ start: at, end: text.length })
  return ids
}

/**
 * Where the template's own text holds special tokens, from the left, the longest at each place.
 *
 * @param segments joined
 * @returns isForged whether names are also in other text, or in text of both kinds
 */
export const ownTokens = (
  tokenizer: ChatTokenizer,
  segments: readonly Segment[],
): { tokens: readonly Part[]; isForged: boolean } => {
  const owners = ownersOf(segments)
  const tokens: Part[] = []
  let isForged = false
  for (const part of occurrences(textOf(segments), trieOf(tokenizer))) {
    const last = tokens[tokens.length - 1]
    if (!owners.isOwn(part)) isForged = true
    // Of several names that start at one place, the longest comes last.
    else if (last?.start === part.start) tokens[tokens.length - 1] = part
    else if (last === undefined || part.start >= last.end) tokens.push(part)
  }
  return { tokens, isForged }
}

/** A part of a text, in UTF-16 units. */
export interface Part {
  readonly start: number
  readonly end: number
}

/** Where in the text of segments the template's own text is. */
const ownersOf = (segments: readonly Segment[]) => {
  const ends: number[] = []
  let length = 0
  for (const { text } of segments) {
    length += text.length
    ends.push(length)
  }
  /** The segment that holds a position, by halving. */
  const at = (position: number): number => {
    let low = 0
    let high = ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle] > position) high = middle
      else low = middle + 1
    }
    return low
  }
  return {
    /** Whether all of a part is the template's own. */
    isOwn({ start, end }: Part): boolean {
      if (start === end) return true
      const last = at(end - 1)
      for (let i = at(start); i <= last; i++) if (!segments[i].special) return false
      return true
    },
  }
}

interface Trie {
  readonly next: Map<number, Trie>
  isEnd: boolean
}

const trieOf = ({ specialTokens, addedTokens = [] }: ChatTokenizer): Trie => {
  const root: Trie = { next: new Map(), isEnd: false }
  for (const name of [...specialTokens.keys(), ...addedTokens]) {
    let node = root
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i)
      const next = node.next.get(unit) ?? { next: new Map(), isEnd: false }
      node.next.set(unit, next)
      node = next
    }
    node.isEnd = name !== ''
  }
  return root
}

/** The positions of names in a text: in order of start, then of length. */
function* occurrences(text: string, trie: Trie): Generator<Part> {
  for (let start = 0; start < text.length; start++) {
    let node = trie.next.get(text.charCodeAt(start))
    for (let end = start + 1; node; end++) {
      if (node.isEnd) yield { start, end }
      node = node.next.get(text.charCodeAt(end))
    }
  }
}
