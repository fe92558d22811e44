import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { model } from './texts.mjs'

/** Whether SentencePiece's own programs are installed (Debian's package `sentencepiece`). */
export const hasNative = spawnSync('spm_encode', ['--version']).error === undefined

const run = (program, args) => {
  const start = performance.now()
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(`${program} failed: ${stderr.split('\n').slice(-4).join(' ')}`)
  return performance.now() - start
}

const inFolder = use => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenizer-bench-'))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Milliseconds that `spm_encode` takes for a text of many lines, without the time to start and read its model. */
export const timeNativeEncode = text =>
  inFolder(folder => {
    const encode = (name, content) => {
      writeFileSync(join(folder, name), content)
      const files = [`--input=${join(folder, name)}`, `--output=${join(folder, 'ids')}`]
      return run('spm_encode', [`--model=${model}`, '--output_format=id', ...files])
    }
    const start = Math.min(encode('empty', '\n'), encode('empty', '\n'))
    return encode('text', text) - start
  })

/** Milliseconds that `spm_train` takes on one thread with LLaMA's settings. */
export const timeNativeTraining = (text, vocabSize) =>
  inFolder(folder => {
    writeFileSync(join(folder, 'text'), text)
    return run('spm_train', [
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
