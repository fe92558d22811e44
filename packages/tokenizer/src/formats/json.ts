import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import { maxPieces } from '../vocabulary'

/** Reads values out of JSON that may hold anything; `path` says where, for errors. */
export class Json {
  constructor(
    readonly file: string,
    readonly value: unknown,
    readonly path: string,
  ) {}

  get(key: string): Json {
    const value = Object.hasOwn(this.record(), key) ? this.record()[key] : undefined
    return new Json(this.file, value, this.path === '' ? key : `${this.path}.${key}`)
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  record(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) throw this.fail('an object')
    return this.value as Record<string, unknown>
  }

  list(): Json[] {
    if (!Array.isArray(this.value)) throw this.fail('a list')
    return this.value.map((value, i) => new Json(this.file, value, `${this.path}[${i}]`))
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.fail('a string')
    return this.value
  }

  boolean(absent = false): boolean {
    if (this.isNull) return absent
    if (typeof this.value !== 'boolean') throw this.fail('true or false')
    return this.value
  }

  /** An id that a vocabulary may have. */
  id(): number {
    const id = this.value
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= maxPieces)
      throw this.fail(`an id below ${maxPieces}`)
    return id
  }

  fail(expected: string): TokenizerFormatError {
    return new TokenizerFormatError(this.file, `${this.path || 'the file'} is ${this.shown}, expected ${expected}`)
  }

  /** The value as errors show it; never what is inside, which may be nested deeper than the stack. */
  get shown(): string {
    const { value } = this
    if (Array.isArray(value)) return 'a list'
    if (typeof value === 'object' && value !== null) return 'an object'
    if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
    return value === undefined ? 'missing' : String(value)
  }

  refuse(problem: string): UnsupportedTokenizerError {
    return new UnsupportedTokenizerError(this.file, `${this.path} ${problem}`)
  }
}

/** The JSON of a file. */
export function parseJson(file: string, bytes: Uint8Array): Json {
  try {
    return new Json(file, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), '')
  } catch (error) {
    throw new TokenizerFormatError(file, `is not JSON in UTF-8: ${(error as Error).message}`, { cause: error })
  }
}
