import { dirname, resolve } from 'node:path'
import type { OutputFile, Vocabulary } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import { type MixtureConfig, parseMixtureConfig } from '@cria/data-mixture'
import { type OpenedMixture, openMixture, readDocuments, type TokenizeProgress } from '@cria/data-mixture/node'
import type { Llama } from '@cria/llama'
import { memoryLlama, writeHuggingFace } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { type Tokenizer, writeSentencePiece } from '@cria/tokenizer'
import { checkTrainingConfig, initialiseWeights, Lora, type TrainingConfig } from '@cria/training'
import type { Run } from '@cria/training/node'
import { type DeviceName, loadModel, Model, openDevice } from 'cria'
import { InputError, UsageError } from './errors'
import { readBytes, readTextFile } from './files'
import { readTokenizer } from './vocabulary'

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
  const given = model === undefined || typeof json !== 'object' ? json : { ...json, from: resolve(model) }
  return { config: checkTrainingConfig(given), base: dirname(resolve(path)) }
}

/** The model of a run, its tokenizer, and the tokenizer's files for what is saved. */
interface Start {
  readonly network: Llama
  readonly tokenizer: Tokenizer
  readonly vocabulary: Vocabulary | undefined
}

const newModel = async (
  { model, tokenizer: path = '', training }: TrainingConfig,
  base: string,
  device: Parameters<typeof llama2>[0],
  signal: AbortSignal,
): Promise<Start> => {
  if (model === undefined) throw new UsageError('the config has no model, and no --model is given')
  const file = resolve(base, path)
  const tokenizer = await readTokenizer(file, signal)
  const vocabulary = /\.gguf$/i.test(file) ? tokenizerFile(tokenizer) : fileOf(file, await readBytes(file, signal))
  const network = llama2(device, { ...model, vocab_size: tokenizer.vocabSize })
  initialiseWeights(network, training.seed)
  return { network, tokenizer, vocabulary }
}

const fileOf = (name: string, bytes: Uint8Array): Vocabulary => ({
  kind: 'file',
  name,
  size: bytes.length,
  companions: {},
  read: async () => bytes.slice(),
})

/** A tokenizer's file in memory, to be written beside each saved step. */
const held = async (file: Extract<Vocabulary, { kind: 'file' }>, signal: AbortSignal): Promise<Vocabulary> => {
  const bytes = await file.read({ signal })
  return { ...file, read: async () => bytes.slice() }
}

const tokenizerFile = (tokenizer: Tokenizer): Vocabulary => fileOf('tokenizer.model', writeSentencePiece(tokenizer))

const givenModel = async (
  from: string,
  base: string,
  device: Parameters<typeof llama2>[0],
  signal: AbortSignal,
): Promise<Start> => {
  const path = resolve(base, from)
  const checkpoint = await openPath(path, { signal })
  try {
    const { network, tokenizer } = await loadModel(checkpoint, { device, weights: 'f32', signal })
    const { vocabulary } = checkpoint
    const kept = vocabulary?.kind === 'file' ? await held(vocabulary, signal) : tokenizerFile(tokenizer)
    return { network: network as Llama, tokenizer, vocabulary: kept }
  } finally {
    await checkpoint.close()
  }
}

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
        : await givenModel(config.from, base, device, signal)
    const { network, tokenizer, vocabulary } = start
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
      modelFiles: weights => modelFiles(network, weights, vocabulary),
      sample: (prompt, signal) => sample(start as Start, config, prompt, signal),
    }
    return { run, mixture, close }
  } catch (error) {
    await close()
    throw error
  }
}

const modelFiles = (
  { config }: Llama,
  weights: ReadonlyMap<string, Float32Array>,
  vocabulary: Vocabulary | undefined,
): OutputFile[] => writeHuggingFace(memoryLlama(config, weights, { vocabulary }))

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
