/** A value of any type as an error shows it: short. */
const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(show).join(', ')
    return value.length > 8 ? `[${shown}, … (${value.length} items)]` : `[${shown}]`
  }
  if (Object.prototype.toString.call(value) === '[object RegExp]') return shorten(String(value))
  return typeof value === 'object' ? Object.prototype.toString.call(value) : shorten(String(value))
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** An option of generation that is unknown or out of its range. */
export class OptionError extends Error {
  override readonly name = 'OptionError'

  /**
   * @param option the option's name, as in `GenerateOptions`, or the flag of a command line: `--top-k <n>`
   * @param value what was given
   * @param expected what would have been accepted, as the end of a sentence: `a number of at least 0`
   */
  constructor(
    readonly option: string,
    readonly value: unknown,
    readonly expected: string,
  ) {
    super(`option ${option} is ${show(value)}: expected ${expected}`)
  }
}

/** A prompt that cannot be run: it is empty, contains something that is not a token id, or is longer than the context. */
export class PromptError extends Error {
  override readonly name = 'PromptError'
}

/** Logits from which no token can be drawn: they hold NaN or Infinity, or every one of them is -Infinity. */
export class LogitsError extends Error {
  override readonly name = 'LogitsError'
}

/** A session that cannot be used: it is disposed of, or another generation is using it. */
export class SessionError extends Error {
  override readonly name = 'SessionError'
}
