// Reads JSON from users and from files of unknown origin: checks every value, and refuses unknown keys.

/** Makes the error for a field and what is wrong with it. */
export type Fail = (field: string, problem: string) => Error

/** An object whose fields are taken by name. A field that is never taken is an error. */
export class Fields {
  private readonly values: Record<string, unknown>
  private readonly taken = new Set<string>()

  /**
   * @param path where the object is, such as `sources[2]`; empty for the whole
   */
  constructor(
    value: unknown,
    private readonly path: string,
    private readonly fail: Fail,
  ) {
    if (!isObject(value)) throw fail(path || 'top level', `${show(value)}: expected an object`)
    this.values = value as Record<string, unknown>
  }

  /** The path of a field. */
  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`
  }

  has(key: string): boolean {
    return Object.hasOwn(this.values, key) && this.values[key] !== undefined
  }

  /** The value of a field that passes a check. */
  take<T>(key: string, is: (value: unknown) => value is T, expected: string): T {
    if (!this.has(key)) throw this.fail(this.at(key), `missing: expected ${expected}`)
    this.taken.add(key)
    const value = this.values[key]
    if (!is(value)) throw this.fail(this.at(key), `${show(value)}: expected ${expected}`)
    return value
  }

  /** The same for a field that may be missing. */
  takeIfGiven<T>(key: string, is: (value: unknown) => value is T, expected: string): T | undefined {
    this.taken.add(key)
    return this.has(key) ? this.take(key, is, expected) : undefined
  }

  /** @throws the error for the first field that has not been taken */
  end(): void {
    for (const key of Object.keys(this.values)) {
      if (!this.taken.has(key)) {
        throw this.fail(this.at(key), `unknown key: expected one of ${[...this.taken].sort().join(', ')}`)
      }
    }
  }
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

export const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
export const isTrueOrFalse = (value: unknown): value is boolean => typeof value === 'boolean'
export const isList = (value: unknown): value is unknown[] => Array.isArray(value)
export const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every(isText)
export const isAbove0 = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0
export const isFraction = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1
export const isShare = (value: unknown): value is number => typeof value === 'number' && value > 0 && value <= 1
/** A count, small enough that sums and products with small numbers stay exact. */
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 48
export const isSeed = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
