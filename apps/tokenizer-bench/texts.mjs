import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const dataPath = path => fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url))

export const model = dataPath('llama2-tokenizer/tokenizer.model')

/** What is read before the clock starts, so that the code is compiled; nothing of it is timed. */
export const warmUp = ['sentencepiece/botchan.txt', 'mixture/books-gutenberg/alice-11-0.txt']

/** What is timed; the first four are prose. */
export const timed = [
  'mixture/books-gutenberg/pride-and-prejudice-1342-0.txt',
  'stories/storyweaver-en.txt',
  'wikitext-2/test.txt',
  'tinyshakespeare/input.txt',
  'mixture/stackexchange-beer.txt',
  'sentencepiece/wagahaiwa_nekodearu.txt',
]

/** What a vocabulary is trained on. */
export const trained = 'mixture/wikipedia.txt'

export const readText = path => readFileSync(dataPath(path), 'utf8')

/** The files that are not there, of all that the benchmark reads. */
export const missing = () => [model, ...[...warmUp, ...timed, trained].map(dataPath)].filter(path => !existsSync(path))
