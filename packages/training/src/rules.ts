import { TrainingConfigError } from './errors'

/** What the value of a key must be. */
export interface Rule {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly required: boolean
}

/** The keys of an object, each with its rule or the keys of an object within. */
export interface Table {
  readonly keys: Readonly<Record<string, Rule | Table>>
  readonly required: boolean
}

const rule = (expected: string, accepts: (value: unknown) => boolean): Rule => ({ expected, accepts, required: true })

/** The same, for a key that may be left out. */
export const optional = <R extends Rule | Table>(rule: R): R => ({ ...rule, required: false })

export const table = (keys: Table['keys']): Table => ({ keys, required: true })

export const whole = (least: number): Rule =>
  rule(`a whole number of at least ${least}`, value => Number.isSafeInteger(value) && (value as number) >= least)

export const number = (expected: string, holds: (value: number) => boolean): Rule =>
  rule(expected, value => typeof value === 'number' && Number.isFinite(value) && holds(value))

export const text = rule('a text that is not empty', value => typeof value === 'string' && value !== '')

export const texts = rule(
  'a list of texts',
  value => Array.isArray(value) && value.every(item => typeof item === 'string'),
)

export const flag = rule('true or false', value => typeof value === 'boolean')

/** An object that another package checks. */
export const anyObject = rule('an object', value => isObject(value))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown): string => {
  const written = JSON.stringify(value) ?? String(value)
  return written.length <= 60 ? written : `${written.slice(0, 60)}…`
}

/**
 * Checks a value against a table.
 * @param path of the value in the config
 * @throws TrainingConfigError that names the first key that is unknown, missing, or of a wrong value
 */
export const checkAgainst = (value: unknown, { keys }: Table, path: string): void => {
  if (!isObject(value)) throw new TrainingConfigError(path, `is ${shown(value)}, expected an object`)
  for (const key of Object.keys(value))
    if (!Object.hasOwn(keys, key))
      throw new TrainingConfigError(
        `${path}.${key}`,
        `is not a key of a training config; ${path} has ${Object.keys(keys).join(', ')}`,
      )
  for (const [key, rule] of Object.entries(keys)) {
    const found = value[key]
    const place = `${path}.${key}`
    if (found === undefined) {
      if (rule.required)
        throw new TrainingConfigError(place, `is missing: give ${'keys' in rule ? 'an object' : rule.expected}`)
    } else if ('keys' in rule) checkAgainst(found, rule, place)
    else if (!rule.accepts(found)) throw new TrainingConfigError(place, `is ${shown(found)}, expected ${rule.expected}`)
  }
}

/** Paths at which two JSON values differ, with both values. */
export const differences = (before: unknown, now: unknown, path = 'config'): string[] => {
  if (isObject(before) && isObject(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    return keys.flatMap(key => differences(before[key], now[key], `${path}.${key}`))
  }
  if (Array.isArray(before) && Array.isArray(now) && before.length === now.length)
    return now.flatMap((item, i) => differences(before[i], item, `${path}[${i}]`))
  return JSON.stringify(before) === JSON.stringify(now) ? [] : [`${path} was ${shown(before)} and is ${shown(now)}`]
}
