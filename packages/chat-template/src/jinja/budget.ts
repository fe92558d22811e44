import { ChatTemplateError } from '../errors'
import { itemsOf, sizeOf, type Value } from './library'

/** What a template may use. */
export interface Limits {
  /** Steps: nodes evaluated, items looped over, and every 256 characters worked on. Default 250,000. */
  readonly steps?: number | undefined
  /** Characters of a text that a template makes, and of the prompt, beyond four times those of the messages. Default 4 Mi. */
  readonly characters?: number | undefined
  /** The time that it takes. Default 900. */
  readonly milliseconds?: number | undefined
}

const CHARACTERS_A_STEP = 256
const MAX_DEPTH = 300
const MAX_RANGE = 100_000

/** Counts the resources of one rendering, and ends it if they exceed the limits. */
export class Budget {
  readonly #steps: number
  readonly #characters: number
  readonly #end: number
  readonly #milliseconds: number
  #used = 0
  #emitted = 0
  #depth = 0

  constructor({ steps = 250_000, characters = 1 << 22, milliseconds = 900 }: Limits, inputLength: number) {
    this.#steps = steps
    this.#characters = characters + 4 * inputLength
    this.#milliseconds = milliseconds
    this.#end = performance.now() + milliseconds
  }

  /** @throws ChatTemplateError if fewer steps are left */
  step(count = 1): void {
    const before = this.#used
    this.#used += count
    if (!(this.#used <= this.#steps)) throw this.#error(`more than ${this.#steps} steps`)
    // A clock is not read at every step.
    if (before >> 6 !== this.#used >> 6 && performance.now() > this.#end)
      throw this.#error(`longer than ${this.#milliseconds} ms`)
  }

  enter(): void {
    if (++this.#depth > MAX_DEPTH) throw this.#error(`blocks and calls nested more than ${MAX_DEPTH} deep`)
    this.step()
  }

  leave(): void {
    this.#depth--
  }

  /** Work on this many characters. */
  work(characters: number): void {
    this.step(Math.ceil(characters / CHARACTERS_A_STEP))
  }

  /** @throws ChatTemplateError if a text may not be as long */
  fits(characters: number): void {
    if (!(characters <= this.#characters)) throw this.#error(`a text of more than ${this.#characters} characters`)
  }

  /** Output text. It counts once for each block that passes it on. */
  emit(characters: number): void {
    this.#emitted += characters
    this.fits(this.#emitted / 4)
  }

  /** The numbers of `range`: the library would allocate any count of them. */
  range(start: number, stop?: number, step = 1): number[] {
    const [from, to] = stop === undefined ? [0, start] : [start, stop]
    if (![from, to, step].every(Number.isSafeInteger) || step === 0)
      throw new ChatTemplateError('failed', 'the chat template calls range() with a value that is not a whole number')
    const count = Math.max(0, Math.ceil((to - from) / step))
    if (count > MAX_RANGE) throw this.#error(`a range of more than ${MAX_RANGE} numbers`)
    this.step(count)
    return Array.from({ length: count }, (_, i) => from + i * step)
  }

  /** Counts the values in containers, and the length of their text: the cost of writing them out. */
  walk(value: Value, depth = 0): number {
    this.step()
    if (depth > MAX_DEPTH) throw this.#error(`values nested more than ${MAX_DEPTH} deep`)
    let characters = 8 + depth
    if (typeof value.value === 'string') characters += 2 * value.value.length
    if (value.value instanceof Map) for (const key of value.value.keys()) characters += 2 * String(key).length
    for (const item of itemsOf(value) ?? []) characters += this.walk(item, depth + 1)
    this.work(characters)
    this.fits(characters)
    return characters
  }

  #error(what: string): ChatTemplateError {
    return new ChatTemplateError('limit', `the chat template takes ${what}: use another one, or raise its limits`)
  }
}

/**
 * Counts the cost of an operation before it runs, if it takes more than a step: the library would loop and allocate without
 * limit.
 *
 * @param name of the operator, filter or method
 * @param operands the values that it works on, its subject first
 */
export const charge = (budget: Budget, name: string, operands: readonly Value[]): void => {
  const [subject, ...args] = operands
  if (constantTime.has(name)) return
  for (const operand of operands) budget.work(sizeOf(operand) * (Array.isArray(operand.value) ? 32 : 1))
  const heavy = heavyOperations[name]
  if (!heavy) return
  // Arguments may be containers; what follows looks into them.
  for (const arg of args) budget.walk(arg)
  heavy(budget, subject, args)
}

const constantTime = new Set(['length', 'first', 'last', 'list', 'default', 'get'])

const heavyOperations: Readonly<
  Record<string, ((budget: Budget, subject: Value, args: readonly Value[]) => void) | undefined>
> = {
  tojson: writeOut,
  string: writeOut,
  '~': join,
  '+': (budget, subject, args) => {
    // A text is joined with a list by writing the list out.
    if ([subject, ...args].some(isText)) join(budget, subject, args)
  },
  '==': compare,
  '!=': compare,
  join(budget, subject, args) {
    const items = itemsOf(subject) ?? []
    for (const item of items) if (itemsOf(item)) budget.walk(item)
    const total = isText(subject) ? sizeOf(subject) : items.reduce((sum, item) => sum + 8 + sizeOf(item), 0)
    budget.work(total + 32 * sizeOf(subject))
    for (const text of args.flatMap(textsIn)) budget.fits(total + sizeOf(subject) * text.length)
  },
  indent(budget, subject, args) {
    const lines = isText(subject) ? occurrences(subject.value, '\n') + 1 : 0
    for (const width of args.flatMap(numbersIn)) budget.fits(sizeOf(subject) + (lines + 1) * Math.abs(width))
  },
  replace(budget, subject, args) {
    const [from, to] = args
    if (isText(subject) && isText(from) && isText(to))
      budget.fits(sizeOf(subject) + occurrences(subject.value, from.value) * to.value.length)
  },
  sort,
  dictsort: sort,
  split: (budget, subject) => budget.work(32 * sizeOf(subject)),
  slice: (budget, subject) => budget.work(16 * sizeOf(subject)),
}

function writeOut(budget: Budget, subject: Value, args: readonly Value[]): void {
  const characters = budget.walk(subject)
  for (const width of args.flatMap(numbersIn)) budget.fits(characters * (1 + Math.abs(width)))
  for (const text of args.flatMap(textsIn)) budget.fits(characters * (1 + text.length))
}

function join(budget: Budget, subject: Value, args: readonly Value[]): void {
  budget.fits([subject, ...args].reduce((sum, value) => sum + (itemsOf(value) ? budget.walk(value) : sizeOf(value)), 0))
}

function compare(budget: Budget, subject: Value, [other]: readonly Value[]): void {
  // A text is compared with a list by writing the list out.
  if (itemsOf(subject) && !itemsOf(other)) budget.walk(subject)
}

function sort(budget: Budget, subject: Value): void {
  const characters = (itemsOf(subject) ?? []).reduce((sum, item) => sum + 64 + sizeOf(item), 0)
  budget.work(characters * Math.ceil(Math.log2(sizeOf(subject) + 2)))
}

const isText = (value: Value | undefined): value is Value & { readonly value: string } =>
  typeof value?.value === 'string'

/** The numbers and texts among arguments, those given by name and in pairs too. */
const numbersIn = (value: Value): number[] =>
  typeof value.value === 'number' ? [value.value] : (itemsOf(value) ?? []).flatMap(numbersIn)

const textsIn = (value: Value): string[] => (isText(value) ? [value.value] : (itemsOf(value) ?? []).flatMap(textsIn))

const occurrences = (text: string, part: string): number => {
  if (part === '') return text.length + 1
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++
  return count
}
