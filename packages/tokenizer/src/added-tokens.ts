import { Literals } from './literals'
import { Class, characterClasses } from './unicode'

/** An added token, as Hugging Face calls it: it is cut out of the text before anything is merged. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Special tokens are recognised in text only on request, and decode to no text. */
  readonly special: boolean
  /** Includes the spaces to its left. */
  readonly lstrip: boolean
  /** Includes the spaces to its right. */
  readonly rstrip: boolean
  /** Recognised only if the characters before and after it are not letters, digits or underscores. */
  readonly singleWord: boolean
  /** Searched in the normalised text, not in the original text. */
  readonly normalized: boolean
}

/** A token with default flags. */
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
   * @param textOf the form of each in the text
   * @param space the code unit for a space in the text; if it is not a space, spaces are not stripped
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

  /** The parts of `text`, none of them empty. A token that is not wanted stays text, and so does everything that overlaps it. */
  *split(text: string, wanted: (token: AddedToken) => boolean): Iterable<Fragment> {
    let done = 0
    for (const { at, text: found } of this.literals.matches(text)) {
      const token = this.byText.get(found) as AddedToken
      let [from, to] = [at, at + found.length]
      if (!wanted(token) || (token.singleWord && !isWord(text, from, to))) continue
      // The previous token may have taken the spaces before this one.
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
