import { MalformedFileError } from '../errors'
import type { GgufMetadata, GgufValue, NumberArray } from './gguf-types'

/** The shortest decimal that is this f32: 1e-5, where the file's bits as a double would be 9.999999747378752e-6. */
const shortestF32 = (value: number): number => {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

/** Typed reading of metadata, naming the key that is missing or has another type. */
export const ggufFields = (metadata: GgufMetadata, file: string) => {
  const refuse = (field: string, found: GgufValue | undefined, expected: string): never => {
    const problem = found ? `is of type ${found.type}` : 'is missing'
    throw new MalformedFileError({ file, field }, `${problem}, expected ${expected}`)
  }
  const maybe = {
    number(key: string): number | undefined {
      const found = metadata.get(key)
      if (!found) return undefined
      if (typeof found.value !== 'number') return refuse(key, found, 'a number')
      return found.type === 'f32' ? shortestF32(found.value) : found.value
    },
    string(key: string): string | undefined {
      const found = metadata.get(key)
      return !found || found.type === 'string' ? found?.value : refuse(key, found, 'a string')
    },
    boolean(key: string): boolean | undefined {
      const found = metadata.get(key)
      return !found || found.type === 'bool' ? found?.value : refuse(key, found, 'a boolean')
    },
    strings(key: string): readonly string[] | undefined {
      const found = metadata.get(key)
      return !found || (found.type === 'array' && found.items === 'string')
        ? found?.value
        : refuse(key, found, 'an array of strings')
    },
    numbers(key: string): NumberArray | undefined {
      const found = metadata.get(key)
      return !found || (found.type === 'array' && found.items !== 'string')
        ? found?.value
        : refuse(key, found, 'an array of numbers')
    },
  }
  return { ...maybe, need: (key: string): number => maybe.number(key) ?? refuse(key, undefined, 'a number') }
}

export type GgufFields = ReturnType<typeof ggufFields>
