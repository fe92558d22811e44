import { letters, newerNumbers, numbers, punctuation } from './unicode-ranges'

/** Bits of a character's class. A character has any of them, or none ("other"). */
export const Class = { letter: 1, number: 2, space: 4, lineEnd: 8, punctuation: 16, newerNumber: 32 } as const

/**
 * The classes of characters that the patterns of tokenizers name: `\p{L}`, `\p{N}`, `\p{P}`, `\s` and `[\r\n]`, as the
 * regular expressions of Hugging Face's tokenizers have them. The tables are part of the package, because the Unicode
 * version of JavaScript's own regular expressions differs from one runtime to the next.
 */
export class CharacterClasses {
  /** The class of each UTF-16 code unit; those of surrogates have none. */
  readonly ofUnit = new Uint8Array(0x10000)
  /** Ranges above U+FFFF, in order: the first and the last code point and the class. */
  private readonly astral: number[] = []

  constructor() {
    const astral: [first: number, last: number, bit: number][] = []
    const add = (ranges: string, bit: number) => {
      for (const [first, last] of unpack(ranges)) {
        for (let unit = first; unit <= Math.min(last, 0xffff); unit++) this.ofUnit[unit] |= bit
        if (last > 0xffff) astral.push([Math.max(first, 0x10000), last, bit])
      }
    }
    add(letters, Class.letter)
    add(numbers, Class.number)
    add(newerNumbers, Class.newerNumber)
    add(punctuation, Class.punctuation)
    for (const [first, last] of whiteSpace)
      for (let unit = first; unit <= last; unit++) this.ofUnit[unit] |= Class.space
    for (const unit of [0x0a, 0x0d]) this.ofUnit[unit] |= Class.lineEnd
    this.astral = astral.sort(([a], [b]) => a - b).flat()
  }

  /** The class of the character that starts at `text[at]`; `text` has no half of a surrogate pair. */
  at(text: string, at: number): number {
    const unit = text.charCodeAt(at)
    return (unit & 0xfc00) === 0xd800 ? this.ofAstral(text.codePointAt(at) as number) : this.ofUnit[unit]
  }

  private ofAstral(codePoint: number): number {
    const { astral } = this
    let [low, high] = [0, astral.length / 3]
    while (low < high) {
      const middle = (low + high) >> 1
      if (astral[3 * middle + 1] < codePoint) low = middle + 1
      else high = middle
    }
    return codePoint >= astral[3 * low] ? astral[3 * low + 2] : 0
  }
}

/** The property White_Space, which `\s` stands for. JavaScript's `\s` has U+FEFF instead of U+0085. */
const whiteSpace = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
] as const

function* unpack(ranges: string): Iterable<readonly [first: number, last: number]> {
  let next = 0
  for (const range of ranges.split(' ')) {
    const [skipped, more = '0'] = range.split('-')
    const first = next + Number.parseInt(skipped, 36)
    const last = first + Number.parseInt(more, 36)
    next = last + 1
    yield [first, last]
  }
}

let classes: CharacterClasses | undefined

/** The classes, made when they are first needed. */
export const characterClasses = (): CharacterClasses => {
  classes ??= new CharacterClasses()
  return classes
}
