import { ContenderError } from '../errors'

/**
 * Work of a contender in this process.
 * @throws ContenderError that names it, where it fails
 */
export const named = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw new ContenderError(`${name}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`)
  }
}
