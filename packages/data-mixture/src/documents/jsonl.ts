import { DocumentError } from '../errors'
import { type Bytes, lineBatches } from './bytes'

export interface FieldOptions {
  /** Names the file in errors. */
  readonly file: string
  /** The field or column that holds the text. Default: `text`. */
  readonly field?: string | undefined
}

/**
 * The documents of JSON lines: each line is an object with the text in one field. Empty lines, and texts that are white space
 * alone, are left out.
 *
 * @throws DocumentError if the bytes are not UTF-8, or a line is not an object with a string in the field
 */
export async function* jsonlDocuments(bytes: Bytes, { file, field = 'text' }: FieldOptions): AsyncGenerator<string> {
  let number = 0
  for await (const lines of lineBatches(bytes, file)) {
    for (const line of lines) {
      number++
      if (line.trim() === '') continue
      const text = textOf(line, number, file, field)
      if (text.trim() !== '') yield text
    }
  }
}

const textOf = (line: string, number: number, file: string, field: string): string => {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new DocumentError(file, `line ${number} is not JSON: expected one object a line`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DocumentError(file, `line ${number} is not a JSON object: expected { "${field}": "…" }`)
  }
  const text = Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined
  if (typeof text !== 'string') {
    const keys = Object.keys(value).slice(0, 10).join(', ')
    throw new DocumentError(file, `line ${number} has no string in the field "${field}"; its fields are ${keys}`)
  }
  return text
}
