import { encodableDTypes } from '@cria/dtypes'
import { type Command, Option } from 'commander'
import type { LoadOptions, Model } from 'cria'
import { positiveNumber } from './arguments'
import { UsageError } from './errors'
import { progressBar } from './progress'

/** The options of every command that runs a model. */
export interface ModelFlags {
  readonly model?: string
  readonly tokenizer?: string
  readonly device?: LoadOptions['device']
  readonly weights?: LoadOptions['weights']
  readonly threads?: number
}

/**
 * Tokens a pass. Where the device computes on this thread, Ctrl-C is heard between passes: so none may take long. A GPU that computes
 * beside it is the better used the more there are.
 */
export const passTokens = ({ device }: Model): number => (device.name === 'webgpu' ? 256 : 32)

export const addModelOptions = (command: Command): Command =>
  command
    .option('--model <path>', 'a folder, a GGUF, safetensors or llama2.c file, or a URL')
    .option('--tokenizer <path>', 'tokenizer of a model that has none in it or beside it')
    .option('--device <name>', 'where to run; `cria devices` lists them', 'auto')
    .addOption(
      new Option('--weights <type>', 'default: as stored where the device can read that').choices(encodableDTypes),
    )
    .option('--threads <n>', 'threads of the device simd; default: one for each core', positiveNumber)

/**
 * Loads the model that the flags name, with a progress bar, and frees it once it has been used.
 *
 * @throws UsageError if none is named
 */
export const withModel = async (
  flags: ModelFlags,
  signal: AbortSignal,
  use: (model: Model) => Promise<void>,
): Promise<void> => {
  const model = await openModel(flags, signal)
  try {
    await use(model)
  } finally {
    // A busy GPU can take seconds to let go of its memory. After Ctrl-C the end of the process frees it at once.
    if (!signal.aborted) await model.dispose()
  }
}

const openModel = async (
  { model, tokenizer, device, weights, threads }: ModelFlags,
  signal: AbortSignal,
): Promise<Model> => {
  if (model === undefined) {
    throw new UsageError(
      'no model is given: add --model PATH (a folder, a GGUF, safetensors or llama2.c file, or a URL)',
    )
  }
  if (threads !== undefined && device !== 'simd' && device !== 'auto') {
    throw new UsageError(`--threads is for the device simd, and this is ${device}: leave it out`)
  }
  if (device === 'shape') {
    throw new UsageError(
      '--device is shape, which knows shapes and costs alone: `cria devices` lists those that run models',
    )
  }
  const { loadModel } = await import('cria')
  const bar = progressBar('loading')
  try {
    return await loadModel(model, { tokenizer, device, weights, threads, onProgress: bar.update, signal })
  } finally {
    bar.stop()
  }
}
