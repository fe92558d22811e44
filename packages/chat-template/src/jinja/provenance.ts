import { joined, type Segment, sliced, textOf } from '../segments'
import { isString, type StringValue, stringValue, type Value } from './library'

/** Characters that Unicode keeps free for programs: U+FDD0 to U+FDEF. */
const FREE = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i))

/**
 * A character that does not occur in the texts, to mark places in the output.
 *
 * @returns undefined if the texts contain all candidates
 */
export const freeCharacter = (texts: readonly string[]): string | undefined =>
  FREE.find(character => !texts.some(text => text.includes(character)))

/**
 * Tracks where text comes from: the template itself, or messages. A value is the template's own only if it is known
 * to be made only of template text. Every other text counts as content. So an unknown filter
 * turns its input into content, and never into a special token.
 *
 * The library joins the output of a block into one text. So content is written as a mark, and the mark is replaced
 * by its text when the block is complete.
 */
export class Provenance {
  readonly #own = new WeakSet<Value>()
  readonly #mixed = new WeakMap<Value, readonly Segment[]>()
  readonly #marked: (readonly Segment[])[] = []
  readonly #pattern: RegExp

  /** @param mark a character that occurs neither in the template nor in the messages */
  constructor(private readonly mark: string) {
    this.#pattern = new RegExp(`${mark}(\\d+)${mark}`)
  }

  /** Notes that a value is the template's own. A namespace never is, because it can change. */
  own<V extends Value>(value: V): V {
    if (value.type !== 'NamespaceValue') this.#own.add(value)
    return value
  }

  /** Whether nothing of the value comes from messages. */
  isOwn(value: Value): boolean {
    return (
      this.#own.has(value) || typeof value.value === 'number' || typeof value.value === 'boolean' || value.value == null
    )
  }

  segments(value: StringValue): readonly Segment[] {
    return this.#mixed.get(value) ?? [{ text: value.value, special: this.#own.has(value) }]
  }

  /** A text made of segments. */
  text(segments: Iterable<Segment>): StringValue {
    const parts = joined(segments)
    const value = stringValue(textOf(parts))
    if (parts.every(({ special }) => special)) return this.own(value)
    if (parts.length > 1) this.#mixed.set(value, parts)
    return value
  }

  /** One text after another. */
  concatenated(values: readonly StringValue[]): StringValue {
    return this.text(values.flatMap(value => this.segments(value)))
  }

  /** The text without white space at its ends, or without certain characters. */
  trimmed(value: StringValue, start = true, end = true, characters?: string): StringValue {
    const text = value.value
    const isTrimmed = (unit: string): boolean =>
      characters === undefined ? unit.trim() === '' : characters.includes(unit)
    let from = 0
    let to = text.length
    if (start) while (from < to && isTrimmed(text[from])) from++
    if (end) while (to > from && isTrimmed(text[to - 1])) to--
    return this.text(sliced(this.segments(value), from, to))
  }

  /** The output of a value. */
  marked(value: Value): Value {
    if (isString(value) && this.#own.has(value)) return value
    const segments = isString(value) ? this.segments(value) : [{ text: value.toString(), special: false }]
    this.#marked.push(segments)
    return stringValue(`${this.mark}${this.#marked.length - 1}${this.mark}`)
  }

  /** The output of a block, with the marks replaced by their texts. */
  unmarked(output: string): Segment[] {
    const parts = output.split(this.#pattern)
    // split() puts the number of each mark between the texts.
    return joined(
      parts.flatMap((part, i) => (i % 2 === 0 ? [{ text: part, special: true }] : this.#marked[Number(part)])),
    )
  }
}
