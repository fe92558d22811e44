import { readStories } from '../src'

/** The first bytes of the file, and how many there are. */
export default async () => {
  const bytes = await readStories()
  return { magic: String.fromCharCode(...bytes.subarray(0, 4)), length: bytes.length }
}
