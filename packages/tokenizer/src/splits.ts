import { type CharacterClasses, Class, characterClasses } from './unicode'

const { letter, number, space, lineEnd, punctuation, newerNumber } = Class

/**
 * Cuts text into words: for the start of a word, returns its end, at most `to`. `text[from, to)` is not empty, and
 * the text around it does not matter.
 */
export type Split = (text: string, from: number, to: number) => number

/**
 * The ways to cut text that tokenizers of the LLaMA family use, each under the name of its pattern. They are written by
 * hand, so no regular expression of a file is ever run. Each takes time linear in the text.
 */
export type SplitName = 'gpt2' | 'llama3' | 'qwen2' | 'digits' | 'digit runs' | 'digit triples' | 'punctuation'

/** The regular expressions by which files name the splits, word for word. */
export const splitPatterns: ReadonlyMap<string, SplitName> = new Map([
  ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", 'gpt2'],
  ["'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", 'gpt2'],
  [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    'llama3',
  ],
  [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    'qwen2',
  ],
])

/** The split of a name. */
export const splitOf = (name: SplitName): Split => {
  const classes = characterClasses()
  switch (name) {
    case 'gpt2':
      return gpt2(classes)
    case 'llama3':
      return llama3(classes, 3)
    case 'qwen2':
      return llama3(classes, 1)
    // Hugging Face's splitter of digits has a newer Unicode version than its regular expressions.
    case 'digits':
      return alone(classes, number | newerNumber)
    case 'digit runs':
      return runs((text, at) => (classes.at(text, at) & number) !== 0)
    case 'digit triples':
      return asciiDigitTriples
    case 'punctuation':
      return runs((text, at) => (classes.at(text, at) & punctuation) !== 0 || '$+<=>^~|'.includes(text[at]))
  }
}

const widthAt = (text: string, at: number) => ((text.charCodeAt(at) & 0xfc00) === 0xd800 ? 2 : 1)

/** Where the run of characters ends that have any of `bits` or, if `not` is set, none of them. */
function runEnd(classes: CharacterClasses, bits: number, not: boolean) {
  const { ofUnit } = classes
  return (text: string, from: number, to: number): number => {
    let at = from
    while (at < to) {
      const unit = text.charCodeAt(at)
      if ((unit & 0xfc00) === 0xd800) {
        if (((classes.at(text, at) & bits) !== 0) === not) return at
        at += 2
      } else {
        if (((ofUnit[unit] & bits) !== 0) === not) return at
        at++
      }
    }
    return at
  }
}

/** `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` */
function gpt2(classes: CharacterClasses): Split {
  const letters = runEnd(classes, letter, false)
  const numbers = runEnd(classes, number, false)
  const spaces = runEnd(classes, space, false)
  const others = runEnd(classes, space | letter | number, true)
  return (text, from, to) => {
    const unit = text.charCodeAt(from)
    if (unit === 0x27) {
      const end = contraction(text, from, to, false)
      if (end > 0) return end
    }
    const at = unit === 0x20 && from + 1 < to ? from + 1 : from
    const kind = classes.at(text, at)
    if (kind & letter) return letters(text, at, to)
    if (kind & number) return numbers(text, at, to)
    if (!(kind & space)) return others(text, at, to)
    return beforeLastSpace(from, spaces(text, from, to), to)
  }
}

/**
 * `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
 * with up to `digits` characters of `\p{N}`.
 */
function llama3(classes: CharacterClasses, digits: number): Split {
  const letters = runEnd(classes, letter, false)
  const spaces = runEnd(classes, space, false)
  const lineEnds = runEnd(classes, lineEnd, false)
  const others = runEnd(classes, space | letter | number, true)
  return (text, from, to) => {
    const unit = text.charCodeAt(from)
    if (unit === 0x27) {
      const end = contraction(text, from, to, true)
      if (end > 0) return end
    }
    const kind = classes.at(text, from)
    if (kind & letter) return letters(text, from, to)
    if (kind & number) {
      let at = from
      for (let count = 0; count < digits && at < to && classes.at(text, at) & number; count++) at += widthAt(text, at)
      return at
    }
    const second = from + widthAt(text, from)
    const next = second < to ? classes.at(text, second) : space
    if (!(kind & lineEnd) && next & letter) return letters(text, second, to)
    if (!(kind & space)) return lineEnds(text, others(text, from, to), to)
    if (unit === 0x20 && !(next & (space | letter | number))) return lineEnds(text, others(text, second, to), to)
    const end = spaces(text, from, to)
    for (let at = end; at > from; at--) if (classes.ofUnit[text.charCodeAt(at - 1)] & lineEnd) return at
    return beforeLastSpace(from, end, to)
  }
}

/** `\s+(?!\S)|\s+` on a run of spaces: all of it at the end of the text, else all but the one before the next word. */
const beforeLastSpace = (from: number, end: number, to: number) => (end === to || end - from === 1 ? end : end - 1)

/** `'s|'t|'re|'ve|'m|'ll|'d`; returns 0 where there is none. In other cases, `ſ` is an `s` too. */
function contraction(text: string, from: number, to: number, anyCase: boolean): number {
  const letterAt = (at: number) => {
    const unit = at < to ? text.charCodeAt(at) : 0
    if (!anyCase) return unit
    return unit === 0x17f ? 0x73 : unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit
  }
  const first = letterAt(from + 1)
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return from + 2
  const second = letterAt(from + 2)
  const isPair = ((first === 0x72 || first === 0x76) && second === 0x65) || (first === 0x6c && second === 0x6c)
  return isPair ? from + 3 : 0
}

/** Each character of the class by itself, and the text between them. */
function alone(classes: CharacterClasses, bits: number): Split {
  const until = runEnd(classes, bits, true)
  return (text, from, to) => (classes.at(text, from) & bits ? from + widthAt(text, from) : until(text, from, to))
}

/** Runs of characters that belong together, and the text between them. */
function runs(belongs: (text: string, at: number) => boolean): Split {
  return (text, from, to) => {
    const first = belongs(text, from)
    let at = from
    while (at < to && belongs(text, at) === first) at += widthAt(text, at)
    return at
  }
}

/** `[0-9][0-9][0-9]`, and the text between. */
function asciiDigitTriples(text: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at)
    count = unit >= 0x30 && unit <= 0x39 ? count + 1 : 0
    if (count === 3) return at - 2 === from ? at + 1 : at - 2
  }
  return to
}
