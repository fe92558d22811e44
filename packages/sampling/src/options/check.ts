import { OptionError } from '../errors'
import type { Option } from './kinds'
import { textOptions, tokenOptions } from './table'

/** All options of `generateText` by name: description, accepted values, default and flags. */
export const generationOptions = { ...tokenOptions, ...textOptions }

/**
 * Checks every option against the table. An option that is undefined counts as left out.
 *
 * @throws OptionError for the first that is out of range, or that is not in the table
 */
export const checkOptions = (options: object, table: Readonly<Record<string, Option<unknown>>>): void => {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(table, option))
      throw new OptionError(option, value, `one of the options ${Object.keys(table).join(', ')}`)
    if (!table[option].accepts(value)) throw new OptionError(option, value, table[option].expected)
  }
}
