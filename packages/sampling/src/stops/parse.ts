/** What holds between the characters before and after a place; undefined is the start or the end of the text. */
export type Assertion = (before: string | undefined, after: string | undefined) => boolean

/** A pattern that cannot be searched for in bounded time; the message says what is expected instead. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/** A part of a regular expression. */
export type Node =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'assertion'; readonly holds: Assertion }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly items: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly least: number; readonly most: number }

const MAX_DEPTH = 100
const MAX_LENGTH = 10_000

/** Parts of a pattern that match one character, as the platform writes them: `\d`, `\p{L}`, `\u{1F999}`, `[^a-z]`, `.`. */
const ESCAPE = /\\(?:u\{[\da-fA-F]+\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|[pP]\{[^}]*\}|.)/suy
const SURROGATE_PAIR = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}/y
const CLASS = /\[(?:\\.|[^\\\]])*\]/suy
const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y

/**
 * Splits a regular expression into its parts. What matches a single character stays with the platform's own RegExp,
 * which takes bounded time for that.
 *
 * @throws PatternError
 */
export const parsePattern = (source: string, flags: string): Node => {
  if (source.length > MAX_LENGTH) throw new PatternError(`a pattern of at most ${MAX_LENGTH} characters`)
  const ignoresCase = flags.includes('i')
  const isWord = characterTest('\\w', flags)
  let at = 0

  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match) at += match[0].length
    return match ?? undefined
  }

  const choice = (depth: number): Node => {
    if (depth > MAX_DEPTH) throw new PatternError(`groups nested at most ${MAX_DEPTH} deep`)
    const items = [sequence(depth)]
    while (source[at] === '|') {
      at++
      items.push(sequence(depth))
    }
    return items.length === 1 ? items[0] : { kind: 'choice', items }
  }

  const sequence = (depth: number): Node => {
    const items: Node[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') {
      const item = part(depth)
      const quantifier = take(QUANTIFIER)
      items.push(quantifier ? repeat(item, quantifier) : item)
    }
    return items.length === 1 ? items[0] : { kind: 'sequence', items }
  }

  const part = (depth: number): Node => {
    if (source[at] === '(') return group(depth)
    if (source[at] === '^')
      return assertion(before => before === undefined || (flags.includes('m') && isLineEnd(before)))
    if (source[at] === '$')
      return assertion((_, after) => after === undefined || (flags.includes('m') && isLineEnd(after)))
    const text = (
      source[at] === '[' ? take(CLASS) : source[at] === '\\' ? (take(SURROGATE_PAIR) ?? take(ESCAPE)) : undefined
    )?.[0]
    if (text === '\\b' || text === '\\B') {
      const inside = text === '\\B'
      return {
        kind: 'assertion',
        holds: (before, after) =>
          ((before !== undefined && isWord(before)) === (after !== undefined && isWord(after))) === inside,
      }
    }
    if (text && /^\\[1-9k]/.test(text)) throw new PatternError('a pattern without backreferences')
    if (text) return { kind: 'character', matches: characterTest(text, flags) }
    const literal = String.fromCodePoint(source.codePointAt(at) as number)
    at += literal.length
    if (literal === '.' || ignoresCase) {
      const escaped = /[\\^$.*+?()[\]{}|/]/.test(literal) && literal !== '.' ? `\\${literal}` : literal
      return { kind: 'character', matches: characterTest(escaped, flags) }
    }
    return { kind: 'character', matches: character => character === literal }
  }

  const assertion = (holds: Assertion): Node => {
    at++
    return { kind: 'assertion', holds }
  }

  const group = (depth: number): Node => {
    const opening = take(/\((?:\?(?::|<(?![=!])[^>]*>))?/y) as RegExpExecArray
    if (source[at] === '?') throw new PatternError('a pattern without lookaround and without flags inside')
    const inner = choice(depth + 1)
    if (source[at] !== ')') throw new PatternError(`a ")" for "${opening[0]}"`)
    at++
    return inner
  }

  const result = choice(0)
  if (at < source.length) throw new PatternError(`no ")" without "("`)
  return result
}

const repeat = (item: Node, [text, least, comma, most]: RegExpExecArray): Node => {
  if (text[0] === '*') return { kind: 'repeat', item, least: 0, most: Infinity }
  if (text[0] === '+') return { kind: 'repeat', item, least: 1, most: Infinity }
  if (text[0] === '?') return { kind: 'repeat', item, least: 0, most: 1 }
  const from = Number(least)
  return { kind: 'repeat', item, least: from, most: comma === undefined ? from : most === '' ? Infinity : Number(most) }
}

const isLineEnd = (character: string): boolean => /[\n\r\u2028\u2029]/.test(character)

/** Whether one character matches a part of a pattern, by the platform's own rules. */
const characterTest = (part: string, flags: string): ((character: string) => boolean) => {
  const kept = flags.replace(/[^is]/g, '')
  const pattern = regExp(`^(?:${part})$`, `${kept}u`) ?? regExp(`^(?:${part})$`, kept)
  if (!pattern) throw new PatternError(`no part such as ${part}`)
  return character => pattern.test(character)
}

const regExp = (source: string, flags: string): RegExp | undefined => {
  try {
    return new RegExp(source, flags)
  } catch {
    return undefined
  }
}
