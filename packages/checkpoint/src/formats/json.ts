import { MalformedFileError, type Place } from '../errors'
import type { Source } from '../sources/source'

export type JsonObject = { readonly [key: string]: unknown }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Configs, indexes and headers of models are smaller. A larger text could exhaust memory when it is parsed. */
export const maxJsonBytes = 25_000_000
/** A safetensors header has three levels, a config a few more. */
const maxDepth = 64
/** Three times what the safetensors header of 9000 tensors needs. More would parse slowly. */
const maxItems = 250_000

/** Where the string at `start` ends: at its closing quote, or at the end of the text. */
const stringEnd = (text: string, start: number): number => {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at
  }
  return text.length
}

/** What a text has too much of, if anything. It is known before parsing, which takes memory for each level and item. */
const excess = (text: string): string | undefined => {
  let depth = 0
  let items = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = stringEnd(text, at)
    else if (character === '}' || character === ']') depth--
    else if (character === ',') items++
    else if (character === '{' || character === '[') {
      items++
      if (++depth > maxDepth) return `is nested more than ${maxDepth} deep`
    }
    if (items > maxItems) return `has more than ${maxItems} items`
  }
  return undefined
}

/** The first key that an object of this valid JSON text has twice. `JSON.parse` would keep only the last. */
const duplicateKey = (text: string): string | undefined => {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') open.push(new Set())
    else if (text[at] === '}') open.pop()
    if (text[at] !== '"') continue
    const end = stringEnd(text, at)
    let next = end + 1
    while (' \t\r\n'.includes(text[next] ?? ':')) next++
    if (text[next] === ':') {
      const key: string = JSON.parse(text.slice(at, end + 1))
      const keys = open[open.length - 1]
      if (keys.has(key)) return key
      keys.add(key)
    }
    at = end
  }
  return undefined
}

/** Runs a step of parsing, and turns its errors into this package's. */
const parsing = <T>(place: Place, parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    const problem = error instanceof Error ? error.message : error
    throw new MalformedFileError(place, `is not valid JSON (${problem})`, { cause: error })
  }
}

/** A JSON object from bytes. Throws a `MalformedFileError` for bad UTF-8, bad JSON, another value, or a key given twice. */
export const parseJsonObject = (bytes: Uint8Array, place: Place): JsonObject => {
  const text = parsing(place, () => new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  const problem = excess(text)
  if (problem) throw new MalformedFileError(place, problem)
  const value: unknown = parsing(place, () => JSON.parse(text))
  if (!isObject(value)) throw new MalformedFileError(place, 'is JSON, but not an object')
  const duplicate = duplicateKey(text)
  if (duplicate !== undefined) {
    throw new MalformedFileError(place, `has the key ${JSON.stringify(duplicate)} twice; one of the two would be lost`)
  }
  return value
}

/** The JSON object in a file. @throws MalformedFileError */
export const readJsonFile = async (source: Source, signal?: AbortSignal): Promise<JsonObject> => {
  if (source.size > maxJsonBytes) {
    throw new MalformedFileError({ file: source.name }, `has ${source.size} bytes, expected at most ${maxJsonBytes}`)
  }
  return parseJsonObject(await source.read(0, source.size, { signal }), { file: source.name })
}

/**
 * Typed access to the fields of a JSON object. A field that is missing or null is `otherwise`, if that is given.
 * @throws MalformedFileError, from each function, that names a field of the wrong type
 */
export const jsonFields = (object: JsonObject, place: Place, prefix = '') => {
  const read = <T>(field: string, kind: string, is: (value: unknown) => value is T, otherwise?: T): T => {
    const value = object[field]
    if (is(value)) return value
    if ((value === undefined || value === null) && otherwise !== undefined) return otherwise
    throw new MalformedFileError({ ...place, field: prefix + field }, `is ${JSON.stringify(value)}, expected ${kind}`)
  }
  return {
    number: (field: string, otherwise?: number) =>
      read(field, 'a number', (value): value is number => typeof value === 'number', otherwise),
    boolean: (field: string, otherwise?: boolean) =>
      read(field, 'true or false', (value): value is boolean => typeof value === 'boolean', otherwise),
    string: (field: string, otherwise?: string) =>
      read(field, 'a string', (value): value is string => typeof value === 'string', otherwise),
  }
}

export type JsonFields = ReturnType<typeof jsonFields>
