import { OptionError } from '../errors'

/** A flag of a command line that states an option. */
export interface Flag {
  /** With its argument: `--top-k <n>`. */
  readonly name: string
  /**
   * The value of the option for an argument.
   *
   * @param before the value so far, where a flag may be given more than once
   * @throws OptionError, with the flag's name, for a text that is not a value of the option
   */
  readonly parse: (text: string, before?: unknown) => unknown
}

/** One option, as checks, types, help texts and command lines use it. */
export interface Option<Value> {
  /** What it does, in one line. */
  readonly description: string
  /** The default value. */
  readonly default?: Value
  /** What happens without the option, if no default value describes it. */
  readonly absent?: string
  /** What it accepts, as the end of a sentence. */
  readonly expected: string
  readonly accepts: (value: unknown) => value is Value
  /** None for an option that only a program can give. */
  readonly flags: readonly Flag[]
}

/** The options of a table: each may be left out, or be undefined. */
export type OptionsOf<Table> = {
  readonly [Name in keyof Table]?:
    | (Table[Name] extends { accepts: (value: unknown) => value is infer Value } ? Value : never)
    | undefined
}

type Words<Value> = Pick<Option<Value>, 'description' | 'default' | 'absent'>

/**
 * A flag of a command line, such as `--top-k <n>`.
 *
 * @param parse returns undefined for a text that is not a value
 */
export const flag = (name: string, expected: string, parse: (text: string, before: unknown) => unknown): Flag => ({
  name,
  parse(text, before) {
    const value = parse(text, before)
    if (value === undefined) throw new OptionError(name, text, expected)
    return value
  },
})

/** An option that is a number, stated by a flag such as `--top-p <x>`. */
export const number = <W extends Words<number>>(
  flagName: string,
  expected: string,
  inRange: (value: number) => boolean,
  words: W,
): Option<number> & W => ({
  ...words,
  expected,
  accepts: (value): value is number => typeof value === 'number' && inRange(value),
  flags: [
    flag(flagName, expected, text => {
      const value = text.trim() === text && text !== '' ? Number(text) : Number.NaN
      return inRange(value) ? value : undefined
    }),
  ],
})

/** An option that is a whole number of at least `least`. */
export const count = <W extends Words<number>>(flagName: string, least: number, words: W): Option<number> & W =>
  number(flagName, `a whole number of at least ${least}`, value => Number.isSafeInteger(value) && value >= least, words)

/** An option of any kind. One without flags can be given by programs only: a function, a signal. */
export const option = <Value>(
  expected: string,
  accepts: (value: unknown) => boolean,
  words: Words<Value>,
  ...flags: Flag[]
): Option<Value> => ({ ...words, expected, accepts: (value): value is Value => accepts(value), flags })

/** Whether the value can be a token id. */
export const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const MAX_ITEMS = 1 << 20

/** Whether the value is an iterable of such items. An iterator, which can be read only once, is not read here. */
export const isIterableOf = (value: unknown, isItem: (value: unknown) => boolean): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const iterable = value as Iterable<unknown>
  if (typeof iterable[Symbol.iterator] !== 'function') return false
  if (Object.is(iterable[Symbol.iterator](), iterable)) return true
  let items = 0
  for (const item of iterable) if (++items > MAX_ITEMS || !isItem(item)) return false
  return true
}

export const isFunction = (value: unknown): boolean => typeof value === 'function'

/** For a flag that may be given more than once: all its arguments, in order. */
export const collected = (value: unknown, before: unknown): unknown[] => [
  ...((before as unknown[] | undefined) ?? []),
  value,
]
