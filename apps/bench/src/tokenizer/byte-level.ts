import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readTokenizerJson } from '@cria/tokenizer'
import { tokenizerScript } from '../folders'
import type { Contender } from '../hosts/contender'
import { inPython } from '../hosts/python'
import { packageFolder, tokenizers, versionOf, vocabularies } from '../peers'
import type { Findings } from '../report/report'
import { criaContender, huggingFace } from './contenders'
import { decoding, type Entry, encoding, entryOf, type TextResult, timeLines } from './lines'
import { type Part, partsByRound } from './parts'

export type Vocabulary = keyof typeof vocabularies

/** The tokenizer.json of a vocabulary. */
const fileOf = (name: Vocabulary): string => join(packageFolder(vocabularies[name]), 'models/tokenizer.json')

const NATIVE = "Hugging Face's (native)"

/** The version of Hugging Face's tokenizers that this machine's Python has; undefined where it has none. */
export const nativeHuggingFaceVersion = (): Promise<string | undefined> =>
  promisify(execFile)('python3', ['-c', 'import tokenizers; print(tokenizers.__version__)']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )

/** What is compared with, and in which version. */
export const byteLevelRan = async (native: string | undefined): Promise<Findings['ran']> => [
  {
    name: "Hugging Face's",
    description: `${tokenizers["Hugging Face's"]} ${await versionOf(tokenizers["Hugging Face's"])}`,
  },
  {
    name: NATIVE,
    description:
      native === undefined
        ? 'not installed, so not timed: `pip install tokenizers`'
        : `the Python package tokenizers ${native}, on one thread`,
  },
]

interface NativeOptions {
  readonly vocabulary: string
  /** The parts of each round. The first round warms up. */
  readonly rounds: readonly (readonly Part[])[]
  /** Where files for the process may lie. */
  readonly folder: string
}

/** The Python package, in its own process: it has a text's lines in one call, which is its fastest way. */
export const nativeHuggingFace = async (options: NativeOptions): Promise<Entry & Pick<Contender, 'close'>> => {
  const [rounds, ids] = [join(options.folder, 'rounds.json'), join(options.folder, 'ids.json')]
  const named = options.rounds.map(parts =>
    parts.map(part => ({ ...part, encode: encoding(part.text), decode: decoding(part.text) })),
  )
  await writeFile(rounds, JSON.stringify(named))
  const argument = { vocabulary: options.vocabulary, rounds, ids }
  const { run, close } = await inPython(NATIVE, { python: 'python3', script: tokenizerScript, argument })
  // It keeps the ids of what it timed: the lines of a text are those of its parts.
  const idsOf = async (_lines: readonly string[], text: string) =>
    (JSON.parse(await readFile(ids, 'utf8')) as Readonly<Record<string, number[][]>>)[text]
  return { name: NATIVE, run, close, idsOf }
}

interface ByteLevelOptions {
  readonly texts: readonly Part[]
  readonly warmUp: readonly Part[]
  readonly rounds: number
  readonly hasNative: boolean
  readonly folder: string
  readonly onRound: (round: number) => void
}

/** Times a vocabulary of byte-level BPE line by line, beside Hugging Face's tokenizers in JavaScript and native. */
export const timeByteLevel = async (
  name: Vocabulary,
  { texts, warmUp, rounds, hasNative, folder, onRound }: ByteLevelOptions,
): Promise<TextResult[]> => {
  const vocabulary = fileOf(name)
  const bytes = await readFile(vocabulary)
  const own = texts.map(part => ({ ...part, text: `${name}: ${part.text}` }))
  const parts = [warmUp, ...partsByRound(own, rounds)]
  const contenders = [
    criaContender(readTokenizerJson(bytes, { name: vocabulary })),
    await huggingFace(JSON.parse(bytes.toString())),
  ]
  const entries: Entry[] = contenders.map(contender => entryOf(contender, parts))
  if (!hasNative) return timeLines(entries, own, rounds, onRound)
  const native = await nativeHuggingFace({ vocabulary, rounds: parts, folder })
  try {
    return await timeLines([...entries, native], own, rounds, onRound)
  } finally {
    await native.close()
  }
}
