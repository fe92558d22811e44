import { type Option as GenerationOption, generationOptions } from '@cria/sampling'
import { type Command, Option } from 'commander'
import type { GenerateOptions } from 'cria'

/** Options that commands set themselves. */
const own = new Set(['vocabSize', 'signal', 'onToken', 'onPromptProgress'])

const table = Object.entries(generationOptions as Readonly<Record<string, GenerationOption<unknown>>>).filter(
  ([name]) => !own.has(name),
)

/** `default: 0.6`, or what happens without the option. */
const whenLeftOut = ({ default: value, absent }: GenerationOption<unknown>): string => {
  const text = absent ?? (Array.isArray(value) ? value.map(item => JSON.stringify(item)).join(' ') : String(value))
  return `default: ${text}`
}

const flagsOf = ([name, option]: readonly [string, GenerationOption<unknown>]) =>
  option.flags.map(flag => {
    const made = new Option(flag.name, `${option.description}; ${whenLeftOut(option)}`)
    made.argParser((text: string, before: unknown) => flag.parse(text, before))
    return { name, made }
  })

/** Adds a flag for each option of generation: `generationOptions` of `@cria/sampling` is their one list. */
export const addGenerationOptions = (command: Command): Command => {
  for (const { made } of table.flatMap(flagsOf)) command.addOption(made)
  return command
}

/** The options of generation that were given as flags. Several flags of one option are combined. */
export const generationOptionsOf = (flags: object): GenerateOptions => {
  const options: Record<string, unknown> = {}
  for (const { name, made } of table.flatMap(flagsOf)) {
    const value = (flags as Record<string, unknown>)[made.attributeName()]
    if (value === undefined) continue
    const before = options[name]
    options[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value
  }
  return options
}
