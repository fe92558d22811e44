import { CheckpointError, type Source } from '@cria/checkpoint'
import { expect, test } from 'vitest'
import { openSources } from './stories'

/** The most that a reader may ask for at once: a header of the largest size that it accepts. */
const maxReadBytes = 32 * 2 ** 20

/**
 * A source that fails the test when it is asked for bytes that it does not have, or for too many. `size` may claim more
 * than there are: what is past the bytes reads as zeros, as in a sparse file.
 */
export const watchedSource = (name: string, bytes: Uint8Array, size = bytes.length): Source => ({
  name,
  size,
  chunkBytes: 4096,
  async read(offset, length, { into = new Uint8Array(length) } = {}) {
    if (offset < 0 || length < 0 || offset + length > size)
      throw new RangeError(`read of ${offset}, ${length} past the end`)
    if (length > maxReadBytes) throw new RangeError(`read of ${length} bytes at once`)
    into.set(bytes.subarray(offset, offset + length))
    return into
  },
  close: async () => {},
})

export interface HostileCase {
  readonly sources: readonly Source[]
  /** What the error says: file, tensor or field, and problem. */
  readonly error: RegExp
}

/** One test for each named file: a typed error that names what is wrong. The limit ends work without an end. */
export const testHostile = (format: string, cases: Readonly<Record<string, () => HostileCase>>) => {
  test.each(Object.keys(cases))(`${format}: %s`, { timeout: 20_000 }, async name => {
    const { sources, error } = cases[name]()
    const problem = await openSources(sources).then(
      () => undefined,
      thrown => thrown,
    )
    if (problem === undefined) expect.fail('it opened')
    expect(problem, String(problem?.stack)).toBeInstanceOf(CheckpointError)
    expect(problem.message).toMatch(error)
    expect(sources.map(source => source.name)).toContain(problem.file)
  })
}
