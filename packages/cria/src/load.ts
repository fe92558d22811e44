import type { CacheType, CausalModel } from '@cria/attention-variants'
import {
  type Checkpoint,
  ConversionError,
  type GenerationSettings,
  generationSettings,
  readWeights,
  selectWeights,
  type TensorData,
  type TensorInfo,
  type Vocabulary,
  type Weights,
} from '@cria/checkpoint'
import type { DType } from '@cria/dtypes'
import type { Parameter } from '@cria/layers'
import { type Architecture, chooseArchitecture } from '@cria/llama'
import { llama2Architecture } from '@cria/llama2'
import type { GenerateTextOptions } from '@cria/sampling'
import { type Device, openDevice } from '@cria/tensor'
import { loadTokenizer, readGgufVocabulary, Tokenizer } from '@cria/tokenizer'
import { embeddedModel } from './embedded'
import { LoadError } from './errors'
import { isCheckpoint, type ModelLocation, openLocation, readTokenizerFile } from './files'
import { checkLoadOptions, type LoadOptions } from './load-options'
import { Model } from './model'
import { heldType } from './weight-types'

/** Architectures that are known without being given. */
const known: readonly Architecture[] = [llama2Architecture as Architecture]

/** What `loadModel` does without a worker. */
export const loadHere = async (from: ModelLocation, options: LoadOptions): Promise<Model> => {
  checkLoadOptions(options)
  const { signal, headers, tokenizer } = options
  const checkpoint = await openLocation(from, { signal, headers, vocabulary: tokenizer === undefined })
  try {
    return await loadCheckpoint(checkpoint, options)
  } finally {
    if (!isCheckpoint(from)) await checkpoint.close()
  }
}

/** The layers of a model, without what makes texts of them. */
export interface LoadedNetwork<Config = unknown> extends AsyncDisposable {
  readonly network: CausalModel
  readonly config: Config
  readonly device: Device
}

/** As `loadModel`, without a tokenizer: for token ids. @throws as loadModel */
export const loadNetwork = async (
  from?: ModelLocation,
  options: Omit<LoadOptions, 'tokenizer'> = {},
): Promise<LoadedNetwork> => {
  checkLoadOptions(options)
  const { signal, headers } = options
  const location = from ?? (await embeddedModel())
  const checkpoint = await openLocation(location, { signal, headers, vocabulary: false })
  try {
    const { network, config, ownsDevice } = await openNetwork(checkpoint, options)
    const { device } = network
    const close = async () => {
      network.dispose()
      if (ownsDevice) await device.close()
    }
    return { network, config, device, [Symbol.asyncDispose]: close }
  } finally {
    if (!isCheckpoint(location)) await checkpoint.close()
  }
}

/** Builds the layers that a checkpoint is of, and fills them. */
const openNetwork = async (
  checkpoint: Checkpoint,
  options: LoadOptions,
  check: (network: CausalModel) => void = () => {},
) => {
  const architecture = chooseArchitecture(checkpoint.metadata, [...(options.architectures ?? []), ...known])
  const config = await architecture.config(checkpoint)
  const weights = selectWeights(
    checkpoint,
    architecture.tensors(config, checkpoint),
    name => architecture.isDerived?.(name, config) ?? false,
  )
  const { device: where = 'auto', threads } = options
  const ownsDevice = typeof where === 'string'
  const device = ownsDevice ? await openDevice(where, threads === undefined ? {} : { threads }) : where
  let network: CausalModel | undefined
  try {
    network = architecture.build(device, config)
    check(network)
    checkCache(options.cache, device)
    await loadWeights(network, weights, options)
    return { network, config, ownsDevice }
  } catch (error) {
    network?.dispose()
    if (ownsDevice) await device.close()
    throw error
  }
}

const loadCheckpoint = async (checkpoint: Checkpoint, options: LoadOptions): Promise<Model> => {
  const tokenizer = await tokenizerOf(checkpoint, options)
  const opened = await openNetwork(checkpoint, options, network => checkTokenizer(tokenizer, network, checkpoint))
  const { chatTemplates, ...settings } = generationSettings(checkpoint)
  const defaults = defaultsOf({ chatTemplates, ...settings }, tokenizer)
  const { format } = checkpoint
  return new Model({ ...opened, tokenizer, format, defaults, chatTemplates, cacheType: options.cache })
}

/**
 * Fills a network's parameters with weights, one tensor at a time.
 * @throws LoadError, before anything is read, for weights that are not those of the network, or a type of weights that its
 * device does not read
 * @throws CheckpointError
 */
export const loadWeights = async (
  network: CausalModel,
  weights: Weights,
  { weights: wanted, signal, onProgress }: Pick<LoadOptions, 'weights' | 'signal' | 'onProgress'> = {},
): Promise<void> => {
  const { device } = network
  const reads = device.weightTypes
  if (wanted && !reads.includes(wanted)) {
    throw new LoadError(`device "${device.name}" reads weights as ${reads.join(', ')}, not ${wanted}`)
  }
  const parameters = new Map(network.parameters())
  checkWeights(weights, parameters)
  const source = wanted ? weights : withoutOverflow(weights)
  const dtype = (_path: string, info: TensorInfo) => heldType(info, reads, wanted)
  for await (const [path, tensor] of readWeights(source, { dtype, signal, onProgress })) {
    parameters.get(path)?.load(upload(device, tensor))
  }
}

const upload = (device: Device, { data, shape, dtype }: TensorData) =>
  device.tensor(data as Parameters<Device['tensor']>[0], shape, dtype)

/** Weights whose tensors are read as f32 if f16, which was chosen for them here, cannot hold a value of theirs. */
const withoutOverflow = (weights: Weights): Weights => ({
  ...weights,
  async read(path, options) {
    try {
      return await weights.read(path, options)
    } catch (error) {
      if (!(error instanceof ConversionError) || options?.dtype !== 'f16') throw error
      return weights.read(path, { ...options, dtype: 'f32', onBytes: undefined })
    }
  },
})

const checkWeights = ({ name: file, tensors }: Weights, parameters: ReadonlyMap<string, Parameter>): void => {
  for (const [path, { shape }] of tensors) {
    const expected = parameters.get(path)?.shape
    if (!expected) throw new LoadError(`${file}: tensor "${path}" has no place in this model`)
    if (expected.join() !== shape.join())
      throw new LoadError(`${file}: tensor "${path}" is [${shape}], and [${expected}] in this model`)
  }
  for (const path of parameters.keys())
    if (!tensors.has(path)) throw new LoadError(`${file}: tensor "${path}" is missing`)
}

const checkCache = (cache: CacheType | undefined, { name, cacheTypes }: Device): void => {
  if (cache !== undefined && !(cacheTypes as readonly DType[]).includes(cache))
    throw new LoadError(`device "${name}" keeps caches as ${cacheTypes.join(', ')}, not ${cache}`)
}

/** The share of a model's rows by which its tokenizer may be larger, and the least that this is. */
const maxAdded = { share: 1 / 8, least: 64 }
/** Embeddings are padded, but not to more than this many times the tokens. */
const maxPadding = 4

/** A vocabulary may be larger or smaller than the model's rows; that of another model is recognised by far other sizes. */
const checkTokenizer = (tokenizer: Tokenizer, { vocabSize }: CausalModel, { name }: Checkpoint): void => {
  const tokens = tokenizer.vocabSize
  const most = vocabSize + Math.max(maxAdded.least, vocabSize * maxAdded.share)
  if (tokens <= most && vocabSize <= tokens * maxPadding) return
  throw new LoadError(
    `the tokenizer has ${tokens} tokens, the model ${name} has ${vocabSize}: give the tokenizer that it was trained with`,
  )
}

/** The tokenizer of a model: the one given, or the one in it or beside it. @throws LoadError if there is none */
const tokenizerOf = async (checkpoint: Checkpoint, options: LoadOptions): Promise<Tokenizer> => {
  const { tokenizer: given, signal, headers } = options
  if (given instanceof Tokenizer) return given
  if (given instanceof Uint8Array) return loadTokenizer(given)
  if (given !== undefined)
    return readTokenizer(await readTokenizerFile(given, { signal, headers }), String(given), signal)
  if (checkpoint.vocabulary) return readTokenizer(checkpoint.vocabulary, checkpoint.name, signal)
  throw new LoadError(
    `${checkpoint.name} has no tokenizer in it or beside it: name one (tokenizer.model, tokenizer.json or tokenizer.bin)`,
  )
}

/**
 * Makes a tokenizer of what a checkpoint has as its vocabulary.
 * @param name names the file of a GGUF vocabulary in errors
 * @throws TokenizerFormatError @throws UnsupportedTokenizerError @throws CheckpointError
 */
export const readTokenizer = async (
  vocabulary: Vocabulary,
  name: string,
  signal?: AbortSignal | undefined,
): Promise<Tokenizer> => {
  if (vocabulary.kind === 'gguf') return readGgufVocabulary(vocabulary, { name })
  const { tokenizerConfig: config, specialTokensMap, addedTokens } = vocabulary.companions
  const files = { config, specialTokensMap, addedTokens }
  return loadTokenizer(await vocabulary.read({ signal }), { ...files, name: vocabulary.name })
}

/** What the files of a model say about generating, as options of `generate`. */
export const defaultsOf = (
  { sampling, eosIds, bosId = undefined }: GenerationSettings,
  tokenizer: Tokenizer,
): GenerateTextOptions => {
  const { doSample, topK, noRepeatNgramSize, penaltyWindow, ...rest } = sampling
  const begins = bosId ?? tokenizer.bosId
  return {
    ...rest,
    // transformers' way to say that none is meant is 0.
    ...(topK && { topK }),
    ...(noRepeatNgramSize && { noRepeatNgram: noRepeatNgramSize }),
    ...(penaltyWindow && penaltyWindow > 0 && { penaltyWindow }),
    ...(doSample === false && { temperature: 0 }),
    // A new document ends a text too.
    stopIds: [...new Set([...eosIds, ...tokenizer.endIds, ...(begins === undefined ? [] : [begins])])],
  }
}
