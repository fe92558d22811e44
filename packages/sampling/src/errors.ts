/** A value as an error shows it: short, and whatever it is. */
const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  return typeof value === 'object' ? Object.prototype.toString.call(value) : String(value)
}

/** An option of generation that is unknown or out of its range. */
export class OptionError extends Error {
  override readonly name = 'OptionError'

  /**
   * @param option the option's name, as in `GenerateOptions`
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

/** A prompt that cannot be run: it is empty, holds what is not a token id, or is longer than the model's context. */
export class PromptError extends Error {
  override readonly name = 'PromptError'
}

/** Logits from which no token can be drawn: they hold NaN or Infinity, or every one of them is -Infinity. */
export class LogitsError extends Error {
  override readonly name = 'LogitsError'
}
