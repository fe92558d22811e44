import { readFile } from 'node:fs/promises'

// Tests from sources read the file itself.
export const read = async (): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL('../../weights/stories.gguf', import.meta.url)))
