import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where a file of the shared test data is; it may be absent, and then its tests are skipped by name. */
export const dataPath = (path: string) => fileURLToPath(new URL(`../../../../shared/data/${path}`, import.meta.url))

export const hasData = (...paths: string[]) => paths.every(path => existsSync(dataPath(path)))

export const dataBytes = (path: string) => new Uint8Array(readFileSync(dataPath(path)))

export const dataText = (path: string) => readFileSync(dataPath(path), 'utf8')

/** The values of a file with a JSON value a line. */
export const dataLines = <Value>(path: string): Value[] =>
  dataText(path)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Value)

export const llama2 = 'llama2-tokenizer/tokenizer.model'
