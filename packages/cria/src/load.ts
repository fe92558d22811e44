import type { CacheType, CausalModel } from '@cria/attention-variants'
import {
  type Checkpoint,
  type GenerationSettings,
  generationSettings,
  selectWeights,
  type Vocabulary,
} from '@cria/checkpoint'
import { isDType } from '@cria/dtypes'
import { type Architecture, chooseArchitecture } from '@cria/llama'
import { llama2Architecture } from '@cria/llama2'
import type { GenerateTextOptions, SequenceModel } from '@cria/sampling'
import { Device, DeviceLostError, openDevice, precisions } from '@cria/tensor'
import { loadTokenizer, readGgufVocabulary, Tokenizer } from '@cria/tokenizer'
import { embeddedModel } from './embedded'
import { LoadError } from './errors'
import { isCheckpoint, type ModelLocation, openLocation, readTokenizerFile } from './files'
import type { LoadOptions } from './load-model'
import { Model } from './model'
import { ModelSequences, type Reload } from './sequences'
import { runTypicalPasses } from './typical-passes'
import { checkLoadable, loadShapes, loadWeights } from './weights'

/** The built-in architectures. */
const known: readonly Architecture[] = [llama2Architecture as Architecture]

interface Rule {
  readonly expected: string
  readonly holds: (value: unknown) => boolean
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const isArchitecture = (value: unknown): boolean =>
  isObject(value) &&
  ['matches', 'config', 'tensors', 'build'].every(name => typeof Reflect.get(value, name) === 'function')

const rules: Readonly<Record<keyof LoadOptions, Rule>> = {
  device: {
    expected: 'the name of a device, or an open device',
    holds: value => typeof value === 'string' || value instanceof Device,
  },
  threads: {
    expected: 'a whole number of at least 1',
    holds: value => Number.isSafeInteger(value) && (value as number) >= 1,
  },
  tune: { expected: 'auto, on or off', holds: value => ['auto', 'on', 'off'].includes(value as string) },
  precision: {
    expected: precisions.join(', '),
    holds: value => (precisions as readonly unknown[]).includes(value),
  },
  tokenizer: {
    expected: 'a tokenizer, its bytes, its path or its URL',
    holds: value =>
      value instanceof Tokenizer || value instanceof Uint8Array || value instanceof URL || typeof value === 'string',
  },
  weights: { expected: 'a type such as f32, f16 or q8_0', holds: value => typeof value === 'string' && isDType(value) },
  cache: { expected: 'f32, f16 or q8_0', holds: value => ['f32', 'f16', 'q8_0'].includes(value as string) },
  architectures: {
    expected: 'an array of architectures',
    holds: value => Array.isArray(value) && value.every(isArchitecture),
  },
  headers: {
    expected: 'an object of texts',
    holds: value => isObject(value) && Object.values(value).every(text => typeof text === 'string'),
  },
  onProgress: { expected: 'a function', holds: value => typeof value === 'function' },
  // Not by instanceof: signals of other realms and polyfills work too.
  signal: {
    expected: 'an AbortSignal',
    holds: value => isObject(value) && 'aborted' in value && 'addEventListener' in value,
  },
}

const shown = (value: unknown): string => {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value
}

/** @throws LoadError for an option that is unknown, has a wrong value, or would be ignored */
const checkLoadOptions = (options: LoadOptions): void => {
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(rules, option)) {
      throw new LoadError(`loadModel has no option "${option}": it knows ${Object.keys(rules).join(', ')}`)
    }
    const { expected, holds } = rules[option as keyof LoadOptions]
    if (value !== undefined && !holds(value)) throw new LoadError(`${option} is ${shown(value)}, expected ${expected}`)
  }
  const { device = 'auto', threads, tune, precision } = options
  if (threads !== undefined && device !== 'simd' && device !== 'auto') {
    throw new LoadError('threads are for a device "simd" that is opened here: leave them out')
  }
  if (tune !== undefined && device !== 'webgpu' && device !== 'auto') {
    throw new LoadError('tune is for a device "webgpu" that is opened here: leave it out')
  }
  if (precision !== undefined && device !== 'webgpu' && device !== 'auto') {
    throw new LoadError('precision is for a device "webgpu" that is opened here: leave it out')
  }
  if (precision !== undefined && precision !== 'f32' && tune === 'off') {
    throw new LoadError(`precision ${precision} is what tuning may choose, and tune is off: leave one of them out`)
  }
}

/** What `loadModel` does without a worker. */
export const loadHere = async (from: ModelLocation, options: LoadOptions): Promise<Model> => {
  checkLoadOptions(options)
  const { signal, headers, tokenizer } = options
  const checkpoint = await openLocation(from, { signal, headers, vocabulary: tokenizer === undefined })
  try {
    const { device = 'auto' } = options
    return await loadCheckpoint(checkpoint, options, typeof device === 'string' ? reloadFrom(from, options) : undefined)
  } finally {
    if (!isCheckpoint(from)) await checkpoint.close()
  }
}

/** The layers of a model, without a tokenizer. */
export interface LoadedNetwork<Config = unknown> extends AsyncDisposable {
  readonly network: CausalModel
  /** Runs token ids through it in passes that they share, for `generate` of `@cria/sampling`. */
  readonly sequences: SequenceModel
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
    const sequences = new ModelSequences(network, options.cache)
    const close = async () => {
      sequences.close()
      network.dispose()
      if (ownsDevice) await device.close()
    }
    return { network, sequences, config, device, [Symbol.asyncDispose]: close }
  } finally {
    if (!isCheckpoint(location)) await checkpoint.close()
  }
}

/** Builds the layers of the model in a checkpoint, and loads their weights. */
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
  const { device: where = 'auto', threads, tune, precision } = options
  const ownsDevice = typeof where === 'string'
  const device = ownsDevice ? await openDevice(where, { threads, tune, precision }) : where
  let network: CausalModel | undefined
  try {
    network = architecture.build(device, config)
    check(network)
    checkCache(options.cache, network)
    checkLoadable(network, weights, options.weights)
    // On a software adapter compiling would take longer than loading.
    const prepared =
      device.software && !device.tunes
        ? undefined
        : await device.prepare(shapes => {
            const planned = architecture.build(shapes, config)
            loadShapes(planned, weights, options.weights)
            runTypicalPasses(planned, options.cache)
            planned.dispose()
          })
    await loadWeights(network, weights, options)
    await prepared?.compiled
    return { network, config, ownsDevice }
  } catch (error) {
    network?.dispose()
    if (ownsDevice) await device.close()
    throw error
  }
}

/** Loads a network again after its device was lost, on the same kind of device. @throws DeviceLostError if it cannot */
const reloadFrom =
  (from: ModelLocation, options: LoadOptions): Reload =>
  async lost => {
    const { name, software } = lost.device
    lost.dispose()
    await lost.device.close()
    let device: Device | undefined
    let checkpoint: Checkpoint | undefined
    try {
      device = await openDevice(name, name === 'webgpu' ? { tune: options.tune, precision: options.precision } : {})
      if (device.software && !software) throw new LoadError(`only a software adapter is left, ${device.description}`)
      checkpoint = await openLocation(from, { headers: options.headers, vocabulary: false })
      // Signal and progress belong to the first load only.
      const again = {
        ...options,
        threads: undefined,
        tune: undefined,
        precision: undefined,
        signal: undefined,
        onProgress: undefined,
        device,
      }
      return (await openNetwork(checkpoint, again)).network
    } catch (error) {
      await device?.close()
      throw new DeviceLostError(name, `it cannot be opened again, ${(error as Error).message}`, { cause: error })
    } finally {
      if (checkpoint && !isCheckpoint(from)) await checkpoint.close()
    }
  }

const loadCheckpoint = async (
  checkpoint: Checkpoint,
  options: LoadOptions,
  reload: Reload | undefined,
): Promise<Model> => {
  const tokenizer = await tokenizerOf(checkpoint, options)
  const opened = await openNetwork(checkpoint, options, network => checkTokenizer(tokenizer, network, checkpoint))
  const { chatTemplates, ...settings } = generationSettings(checkpoint)
  const defaults = defaultsOf({ chatTemplates, ...settings }, tokenizer)
  const { format } = checkpoint
  return new Model({ ...opened, tokenizer, format, defaults, chatTemplates, cacheType: options.cache, reload })
}

const checkCache = (cache: CacheType | undefined, { device, cacheShape }: CausalModel): void => {
  if (cache === undefined) return
  try {
    device.checkCache(cache, cacheShape.headDim)
  } catch (error) {
    throw new LoadError(`option cache: ${(error as Error).message}`)
  }
}

/** How many more tokens than rows a tokenizer may have: a share of the rows, and the minimum of that. */
const maxAdded = { share: 1 / 8, least: 64 }
/** Embeddings may be padded, but to at most this many times the number of tokens. */
const maxPadding = 4

/** A vocabulary may be a little larger or smaller than the number of rows. A very different size means a tokenizer of another model. */
const checkTokenizer = (tokenizer: Tokenizer, { vocabSize }: CausalModel, { name }: Checkpoint): void => {
  const tokens = tokenizer.vocabSize
  const most = vocabSize + Math.max(maxAdded.least, vocabSize * maxAdded.share)
  if (tokens <= most && vocabSize <= tokens * maxPadding) return
  throw new LoadError(
    `the tokenizer has ${tokens} tokens, the model ${name} has ${vocabSize}: give the tokenizer that it was trained with`,
  )
}

/** The given tokenizer, or else the one that the model has in its file or its folder. @throws LoadError if it has none */
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
 * Makes a tokenizer from the vocabulary of a checkpoint.
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
    // transformers writes 0 for "no limit".
    ...(topK && { topK }),
    ...(noRepeatNgramSize && { noRepeatNgram: noRepeatNgramSize }),
    ...(penaltyWindow && penaltyWindow > 0 && { penaltyWindow }),
    ...(doSample === false && { temperature: 0 }),
    // A new document ends a text too.
    stopIds: [...new Set([...eosIds, ...tokenizer.endIds, ...(begins === undefined ? [] : [begins])])],
  }
}
