import { generationOptions, OptionError } from '@cria/sampling'
import { TrainingError } from '@cria/tokenizer'
import { CommanderError } from 'commander'

/** A command line that cannot be carried out; the message names the option or argument, and says what to give. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** An input is not valid. The message names it, and says what was expected. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/** The names of JavaScript's own errors. Errors of packages have other names, and those of the system have a code. */
const builtIn = new Set(['Error', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'RuntimeError'])

/** The error in one line. */
export const describe = (error: unknown): string => {
  const line = oneLine(error instanceof Error ? error.message : String(error))
  if (error instanceof OptionError)
    return line.replace(`option ${error.option}`, error.option.startsWith('-') ? error.option : flagOf(error.option))
  if (error instanceof TrainingError) return line.replace(/\b(vocabSize|characterCoverage)\b/g, flagOf)
  if (error instanceof CommanderError) return line.replace(/^error: /, '')
  if (error instanceof Error && builtIn.has(error.name) && !('code' in error)) {
    return `internal error: ${line} (--debug shows where)`
  }
  return line
}

/** 2 for a wrong command line, 1 for all other errors. */
export const exitCodeOf = (error: unknown): 1 | 2 =>
  error instanceof UsageError || error instanceof CommanderError || error instanceof OptionError ? 2 : 1

/** The flag of an option: `topP` is `--top-p` on the command line. */
const flagOf = (option: string): string => {
  const table: Readonly<Record<string, { readonly flags: readonly { readonly name: string }[] }>> = generationOptions
  const named = Object.hasOwn(table, option) ? table[option].flags[0]?.name.split(' ')[0] : undefined
  return named ?? `--${option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ')
