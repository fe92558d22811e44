import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { named } from './named'
import { dataPath, model } from './texts'

const execute = promisify(execFile)

/** What SentencePiece's own programs are (Debian's package `sentencepiece`); undefined where they are not installed. */
export const nativeVersion = (): Promise<string | undefined> =>
  execute('spm_encode', ['--version']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )

/** Seconds of a run, from start to end of the process. */
const secondsOf = (program: string, args: readonly string[]): Promise<number> =>
  named(program, async () => {
    const start = performance.now()
    await execute(program, args, { maxBuffer: 2 ** 30 }).catch(({ stderr }) => {
      throw new Error(stderr.trim().split('\n').slice(-3).join(' '))
    })
    return (performance.now() - start) / 1000
  })

/** Work with a folder that is there as long as it takes. */
export const inFolder = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'cria-bench-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Encodes lines in its own process, and leaves the ids in the folder. */
const encode = async (folder: string, lines: readonly string[]): Promise<{ seconds: number; ids: string }> => {
  const [text, ids] = [join(folder, 'text'), join(folder, 'ids')]
  await writeFile(text, lines.map(line => `${line}\n`).join(''))
  const files = [`--input=${text}`, `--output=${ids}`]
  const seconds = await secondsOf('spm_encode', [`--model=${dataPath(model)}`, '--output_format=id', ...files])
  return { seconds, ids }
}

/** `spm_encode`, with LLaMA 2's vocabulary. */
export interface NativeEncoder {
  readonly name: string
  /** To start, and to read the vocabulary: the least of several times. */
  startSeconds(): Promise<number>
  /** From start to end, for lines. */
  seconds(lines: readonly string[]): Promise<number>
  idsOf(lines: readonly string[]): Promise<number[][]>
}

const STARTS = 5

export const nativeEncoder: NativeEncoder = {
  name: 'spm_encode (native)',
  startSeconds: () =>
    inFolder(async folder => {
      const starts: number[] = []
      while (starts.length < STARTS) starts.push((await encode(folder, [''])).seconds)
      return Math.min(...starts)
    }),
  seconds: lines => inFolder(async folder => (await encode(folder, lines)).seconds),
  idsOf: lines =>
    inFolder(async folder => {
      const { ids } = await encode(folder, lines)
      const written = (await readFile(ids, 'utf8')).split('\n').slice(0, -1)
      return written.map(line => (line === '' ? [] : line.split(' ').map(Number)))
    }),
}

/** Seconds that `spm_train` takes on one thread with LLaMA's settings. */
export const nativeTraining = (text: string, vocabSize: number): Promise<number> =>
  inFolder(async folder => {
    await writeFile(join(folder, 'text'), text)
    return secondsOf('spm_train', [
      `--input=${join(folder, 'text')}`,
      `--model_prefix=${join(folder, 'model')}`,
      '--model_type=bpe',
      `--vocab_size=${vocabSize}`,
      '--character_coverage=0.99995',
      '--split_digits',
      '--allow_whitespace_only_pieces',
      '--byte_fallback',
      '--normalization_rule_name=identity',
      '--remove_extra_whitespaces=false',
      '--shuffle_input_sentence=false',
      '--num_threads=1',
    ])
  })
