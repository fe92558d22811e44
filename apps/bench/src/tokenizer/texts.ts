import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TextError } from '../errors'
import { dataFolder } from '../folders'

/** LLaMA 2's vocabulary, SentencePiece's `.model`. Its path, as those of the texts, is one in the folder of data. */
export const model = 'llama2-tokenizer/tokenizer.model'

/** What is read before the clock counts, so that the code is compiled. */
export const warmUp = ['sentencepiece/botchan.txt', 'mixture/books-gutenberg/alice-11-0.txt']

/** What is encoded and decoded line by line; the first four are prose. */
export const lineByLine = [
  'mixture/books-gutenberg/pride-and-prejudice-1342-0.txt',
  'stories/storyweaver-en.txt',
  'wikitext-2/test.txt',
  'tinyshakespeare/input.txt',
  'mixture/stackexchange-beer.txt',
  'sentencepiece/wagahaiwa_nekodearu.txt',
]

/** What is encoded in long calls: prose, and enough of it for many rounds. */
export const inOneCall = 'mixture/web-wikinews.txt'

/** What the worst cases are made of, and compared with. */
export const worst = { prose: 'tinyshakespeare/input.txt', withSpaces: 'wikitext-2/test.txt' }

/** What a vocabulary is trained on. */
export const trained = 'mixture/wikipedia.txt'

export const dataPath = (path: string): string => join(dataFolder, path)

export const readText = (path: string): Promise<string> => readFile(dataPath(path), 'utf8')

/** @throws TextError unless all are there */
export const requireTexts = (paths: readonly string[]): void => {
  const missing = [...new Set(paths)].map(dataPath).filter(path => !existsSync(path))
  if (missing.length > 0)
    throw new TextError(`the tokenizer is timed on texts that are not here: ${missing.join(', ')}`)
}
