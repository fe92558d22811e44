import { encodableDTypes } from '@cria/dtypes'
import { type Command, Option } from 'commander'
import type { GenerateOptions, LoadOptions, Model } from 'cria'
import { positiveNumber } from './arguments'
import { UsageError } from './errors'
import { progressBar } from './progress'

/** The options of every command that runs a model. */
export interface ModelFlags {
  readonly model?: string
  readonly tokenizer?: string
  readonly device?: LoadOptions['device']
  readonly weights?: LoadOptions['weights']
  readonly cache?: LoadOptions['cache']
  readonly threads?: number
}

export const addModelOptions = (command: Command): Command =>
  command
    .option('--model <path>', 'a folder, a file, a URL or hf:OWNER/NAME; default: the small built-in model')
    .option('--tokenizer <path>', 'tokenizer of a model that has none in it or beside it')
    .option('--device <name>', 'where to run; `cria devices` lists them', 'auto')
    .addOption(
      new Option('--weights <type>', 'default: as stored, if the device reads that type').choices(encodableDTypes),
    )
    .addOption(
      new Option('--cache <type>', 'type of keys and values; default: chosen by the device').choices([
        'f32',
        'f16',
        'q8_0',
      ]),
    )
    .option('--threads <n>', 'threads of the device simd; default: one for each core', positiveNumber)

/** Loads the model that the flags name, or the built-in model, with a progress bar, and frees it after use. */
export const withModel = async (
  flags: ModelFlags,
  signal: AbortSignal,
  use: (model: Model) => Promise<void>,
): Promise<void> => {
  const model = await openModel(flags, signal)
  try {
    await use(model)
  } finally {
    // A busy GPU can take seconds to free its memory. After Ctrl-C the end of the process frees it at once.
    if (!signal.aborted) await model.dispose()
  }
}

/** What drafts tokens: the prompt itself, or a model, which is loaded to the device that the flags name. */
export const withDraft = async (
  draft: unknown,
  flags: ModelFlags,
  signal: AbortSignal,
  use: (draft: GenerateOptions['draft']) => Promise<void>,
): Promise<void> => {
  if (draft === undefined || draft === 'prompt') return use(draft)
  const { device, threads, cache } = flags
  await withModel({ model: String(draft), device, threads, cache } as ModelFlags, signal, use)
}

/** @throws UsageError for flags that exclude each other */
export const checkModelFlags = ({ threads, device }: Pick<ModelFlags, 'threads' | 'device'>): void => {
  if (threads !== undefined && device !== 'simd' && device !== 'auto') {
    throw new UsageError(`--threads is for the device simd, and this is ${device}: leave it out`)
  }
  if (device === 'shape') {
    throw new UsageError('--device is shape, which computes no values: `cria devices` lists those that run models')
  }
}

const openModel = async (flags: ModelFlags, signal: AbortSignal): Promise<Model> => {
  checkModelFlags(flags)
  const { model, ...options } = flags
  const { tokenizer, device, weights, cache, threads } = options
  const { loadModel } = await import('cria')
  const bar = progressBar('loading')
  try {
    return await loadModel(model, { tokenizer, device, weights, cache, threads, onProgress: bar.update, signal })
  } finally {
    bar.stop()
  }
}
