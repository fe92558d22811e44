import { dirname, resolve } from 'node:path'
import {
  type GenerationSettings,
  generationSettings,
  noGeneration,
  type OutputFile,
  type Vocabulary,
} from '@cria/checkpoint'
import { type MixtureConfig, parseMixtureConfig } from '@cria/data-mixture'
import { type OpenedMixture, openMixture, readDocuments, type TokenizeProgress } from '@cria/data-mixture/node'
import type { Llama } from '@cria/llama'
import { memoryLlama, writeHuggingFace } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import type { Tokenizer } from '@cria/tokenizer'
import { checkTrainingConfig, initialiseWeights, Lora, type TrainingConfig } from '@cria/training'
import type { Run } from '@cria/training/node'
import { type Device, type DeviceName, loadModel, Model, openDevice } from 'cria'
import { openCheckpoint } from './checkpoint'
import { InputError, UsageError } from './errors'
import { readTextFile } from './files'
import { readVocabulary, tokenizerFile } from './vocabulary'

/** The line that ends a document in a file of held-out text. */
export const endOfText = '<|endoftext|>'

export interface TrainingFlags {
  readonly config: string
  /** A model to continue from, instead of a new one. */
  readonly model?: string
  readonly resume?: string
  readonly device: DeviceName | 'auto'
  readonly threads?: number
}

/** A run and its open resources. */
export interface OpenedRun {
  readonly run: Run
  readonly mixture: OpenedMixture
  close(): Promise<void>
}

/**
 * Reads the config of a run.
 * @returns the config, and the folder that its paths start from
 * @throws InputError if the file is not JSON @throws TrainingConfigError
 */
export const readTrainingConfig = async (
  { config: path, model }: Pick<TrainingFlags, 'config' | 'model'>,
  signal: AbortSignal,
): Promise<{ config: TrainingConfig; base: string }> => {
  const text = await readTextFile(path, signal)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new InputError(`${path} is not JSON: ${(error as Error).message}`)
  }
  const given = model === undefined || typeof json !== 'object' ? json : { ...json, from: located(model, '') }
  return { config: checkTrainingConfig(given), base: dirname(resolve(path)) }
}

/** The model of a run, its tokenizer, and what each saved step takes over from the files. */
interface Start {
  readonly network: Llama
  readonly tokenizer: Tokenizer
  readonly vocabulary: Vocabulary | undefined
  readonly generation: GenerationSettings
}

const newModel = async (
  { model, tokenizer: path = '', training }: TrainingConfig,
  base: string,
  device: Device,
  signal: AbortSignal,
): Promise<Start> => {
  if (model === undefined) throw new UsageError('the config has no model, and no --model is given')
  const { tokenizer, vocabulary } = await readVocabulary(located(path, base), signal)
  const network = llama2(device, { ...model, vocab_size: tokenizer.vocabSize })
  initialiseWeights(network, training.seed)
  return { network, tokenizer, vocabulary, generation: noGeneration }
}

const givenModel = async (
  from: string,
  path: string | undefined,
  base: string,
  device: Device,
  signal: AbortSignal,
): Promise<Start> => {
  const given = path === undefined ? undefined : await readVocabulary(located(path, base), signal)
  const checkpoint = await openCheckpoint(located(from, base), signal)
  try {
    const { network, tokenizer } = await loadModel(checkpoint, {
      ...{ device, weights: 'f32', signal },
      tokenizer: given?.tokenizer,
    })
    const vocabulary = given?.vocabulary ?? checkpoint.vocabulary
    const kept = vocabulary?.kind === 'file' ? await held(vocabulary, signal) : vocabulary
    return { network: network as Llama, tokenizer, vocabulary: kept, generation: generationSettings(checkpoint) }
  } finally {
    await checkpoint.close()
  }
}

/** A tokenizer's file in memory, to be written beside each saved step. */
const held = async (file: Extract<Vocabulary, { kind: 'file' }>, signal: AbortSignal): Promise<Vocabulary> => {
  const bytes = await file.read({ signal })
  return { ...file, read: async () => bytes }
}

/** A URL or an `hf:` location as it is, and a path from the folder of the config. */
const located = (location: string, base: string): string =>
  /^(https?|hf):/i.test(location) ? location : resolve(base, location)

/**
 * Opens all that a run needs: device, model, tokenizer, mixture (whose sources are tokenized if they are not yet), held-out texts.
 * @throws the errors of what it opens
 */
export const openRun = async (
  flags: TrainingFlags,
  signal: AbortSignal,
  onProgress: (progress: TokenizeProgress) => void,
): Promise<OpenedRun> => {
  const { config, base } = await readTrainingConfig(flags, signal)
  const mixtureConfig: MixtureConfig = parseMixtureConfig(config.data)
  const device = await openDevice(flags.device, flags.threads === undefined ? {} : { threads: flags.threads })
  let start: Start | undefined
  let mixture: OpenedMixture | undefined
  const close = async () => {
    await mixture?.close()
    start?.network.dispose()
    await device.close()
  }
  try {
    start =
      config.from === undefined
        ? await newModel(config, base, device, signal)
        : await givenModel(config.from, config.tokenizer, base, device, signal)
    const { network, tokenizer } = start
    network.recompute = config.training.recompute ?? false
    mixture = await openMixture(mixtureConfig, tokenizer, { base, signal, onProgress })
    const run: Run = {
      folder: resolve(flags.resume ?? resolve(base, config.output)),
      config,
      model: network,
      lora: config.lora && new Lora(network, config.lora),
      data: mixture.mixture,
      tokenizer,
      texts: config.evaluation && (await heldOut(config.evaluation, base, signal)),
      modelFiles: weights => modelFiles(start as Start, weights),
      sample: (prompt, signal) => sample(start as Start, config, prompt, signal),
    }
    return { run, mixture, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A Hugging Face folder with the tokenizer, the chat template and the settings that the run began with. */
const modelFiles = (
  { network, tokenizer, vocabulary, generation }: Start,
  weights: ReadonlyMap<string, Float32Array>,
): OutputFile[] => {
  const files = writeHuggingFace(memoryLlama(network.config, weights, { vocabulary, generation }))
  return vocabulary?.kind === 'file' ? files : [...files, tokenizerFile(tokenizer)]
}

/** The first `count` documents of the held-out files. */
const heldOut = async (
  { texts, documents = Infinity }: NonNullable<TrainingConfig['evaluation']>,
  base: string,
  signal: AbortSignal,
): Promise<string[]> => {
  const found: string[] = []
  for await (const text of readDocuments({ files: texts, separator: endOfText }, { base, signal })) {
    if (found.length === documents) break
    found.push(text)
  }
  return found
}

const sample = async (
  { network, tokenizer }: Start,
  { samples }: TrainingConfig,
  prompt: string,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const { maxTokens = 200, temperature = 0.8, topP = 0.9, seed = 0 } = samples ?? {}
  const model = new Model({
    ...{ network, tokenizer, config: network.config, format: 'memory' },
    ...{ chatTemplates: new Map(), cacheType: undefined, ownsDevice: false },
    defaults: { stopIds: [tokenizer.eosId, tokenizer.bosId].filter(id => id !== undefined) },
  })
  let text = ''
  for await (const piece of model.generate(prompt, { maxTokens, temperature, topP, seed, signal })) text += piece
  return text
}
