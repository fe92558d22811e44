import { Literals } from './literals'
import { Class, characterClasses } from './unicode'

/** A token that is cut out of the text before anything is merged, as Hugging Face's tokenizers call it. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Special tokens are recognised in text only on request, and have no text of their own when ids are decoded. */
  readonly special: boolean
  /** Takes the spaces to its left with it. */
  readonly lstrip: boolean
  /** Takes the spaces to its right with it. */
  readonly rstrip: boolean
  /** Recognised only where no letter, digit or underscore stands beside it. */
  readonly singleWord: boolean
  /** Looked for in the normalised text, not in the text as it was given. */
  readonly normalized: boolean
}

/** A token with the flags that it has unless a file says otherwise. */
export const addedToken = (id: number, content: string, flags: Partial<AddedToken> = {}): AddedToken => ({
  id,
  content,
  special: true,
  lstrip: false,
  rstrip: false,
  singleWord: false,
  normalized: false,
  ...flags,
})

/** A part of a text: a token, or text between tokens. */
export interface Fragment {
  readonly from: number
  readonly to: number
  readonly token: AddedToken | undefined
}

/** Finds added tokens in text: from the left, the longest at each place. */
export class AddedTokens {
  private readonly literals: Literals
  private readonly byText = new Map<string, AddedToken>()

  /**
   * @param tokens the tokens to look for
   * @param textOf how each stands in the text
   * @param space the code unit that a space in the text stands for; where that is another, spaces are not stripped
   */
  constructor(
    tokens: Iterable<AddedToken>,
    textOf: (token: AddedToken) => string = token => token.content,
    private readonly space = 0x20,
  ) {
    for (const token of tokens) {
      const text = textOf(token)
      if (text !== '') this.byText.set(text, token)
    }
    this.literals = new Literals(this.byText.keys(), space)
  }

  /** Whether one of the tokens is wanted. */
  some(wanted: (token: AddedToken) => boolean): boolean {
    return [...this.byText.values()].some(wanted)
  }

  /** The parts of `text`, none of them empty. A token that is not wanted stays text, and so does all that overlaps it. */
  *split(text: string, wanted: (token: AddedToken) => boolean): Iterable<Fragment> {
    let done = 0
    for (const { at, text: found } of this.literals.matches(text)) {
      const token = this.byText.get(found) as AddedToken
      let [from, to] = [at, at + found.length]
      if (!wanted(token) || (token.singleWord && !isWord(text, from, to))) continue
      // The spaces before may have gone with the token before.
      if (token.lstrip) while (from > done && this.isSpace(text, from - 1)) from--
      if (token.rstrip) while (to < text.length && this.isSpace(text, to)) to++
      if (from < done) continue
      if (from > done) yield { from: done, to: from, token: undefined }
      yield { from, to, token }
      done = to
    }
    if (done < text.length) yield { from: done, to: text.length, token: undefined }
  }

  private isSpace(text: string, at: number): boolean {
    const unit = text.charCodeAt(at)
    return (unit !== 0x20 || this.space === 0x20) && (characterClasses().ofUnit[unit] & Class.space) !== 0
  }
}

/** Characters of words, by the runtime's version of Unicode. */
const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u

const isWord = (text: string, from: number, to: number): boolean => {
  const before = /[\ud800-\udbff][\udc00-\udfff]$|.$/s.exec(text.slice(Math.max(0, from - 2), from))?.[0] ?? ''
  const after = to < text.length ? String.fromCodePoint(text.codePointAt(to) as number) : ''
  return !wordCharacter.test(before) && !wordCharacter.test(after)
}
