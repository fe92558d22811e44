import { type Checkpoint, type Progress, readTensors, type TensorInfo, type WeightDType } from '@cria/checkpoint'
import type { Parameter } from '@cria/layers'
import type { Llama } from '@cria/llama'
import { Llama2 } from '@cria/llama2'
import { Device, type DeviceName, openDevice } from '@cria/tensor'
import { loadTokenizer, readGgufVocabulary, Tokenizer } from '@cria/tokenizer'
import { LoadError } from './errors'
import { isCheckpoint, type ModelLocation, openLocation, readTokenizerBytes } from './files'
import { Model } from './model'

export interface LoadOptions {
  /** Where to run: a name, or an open device, which then stays the caller's. Default `auto`. */
  readonly device?: DeviceName | 'auto' | Device | undefined
  /** Threads of the `simd` device. */
  readonly threads?: number | undefined
  /** A tokenizer, its bytes, or its path or URL. Default: the model's own, in it or beside it. */
  readonly tokenizer?: Tokenizer | Uint8Array | string | undefined
  /**
   * The type to hold matrices in. Default: as stored where the device reads that, else f16 or f32; so too a matrix whose
   * rows are no whole blocks of 32, where a type of blocks is asked for.
   */
  readonly weights?: WeightDType | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

const optionNames: Readonly<Record<keyof LoadOptions, true>> = {
  device: true,
  threads: true,
  tokenizer: true,
  weights: true,
  onProgress: true,
  signal: true,
}

const checkOptions = (options: LoadOptions): void => {
  for (const option of Object.keys(options))
    if (!Object.hasOwn(optionNames, option))
      throw new LoadError(`loadModel has no option "${option}": it knows ${Object.keys(optionNames).join(', ')}`)
  const { device = 'auto', threads } = options
  if (threads !== undefined && device !== 'simd' && device !== 'auto')
    throw new LoadError('threads are for a device "simd" that is opened here: leave them out')
}

/**
 * Loads a model: finds its format, config and tokenizer, and moves its weights to a device tensor by tensor.
 * @param from a folder or file, a URL, files, or an open checkpoint, which then stays the caller's
 * @throws LoadError without a model or a tokenizer that fits it, for weights that the device does not read, or for an option
 * that is unknown or would be ignored
 * @throws CheckpointError for files that are missing, damaged, or no LLaMA
 * @throws TokenizerFormatError @throws UnsupportedTokenizerError
 * @throws DeviceUnavailableError @throws DeviceFailedError
 */
export const loadModel = async (from?: ModelLocation, options: LoadOptions = {}): Promise<Model> => {
  if (from === undefined)
    throw new LoadError('no model was given: name a folder, a GGUF, safetensors or llama2.c file, or a URL')
  checkOptions(options)
  const { device: where = 'auto', threads } = options
  const checkpoint = await openLocation(from, options.signal)
  try {
    const tokenizer = await tokenizerOf(checkpoint, options)
    if (where instanceof Device) return await fill(where, checkpoint, tokenizer, false, options)
    const device = await openDevice(where, threads === undefined ? {} : { threads })
    try {
      return await fill(device, checkpoint, tokenizer, true, options)
    } catch (error) {
      await device.close()
      throw error
    }
  } finally {
    if (!isCheckpoint(from)) await checkpoint.close()
  }
}

const fill = async (
  device: Device,
  checkpoint: Checkpoint,
  tokenizer: Tokenizer,
  ownsDevice: boolean,
  options: LoadOptions,
): Promise<Model> => {
  const network = new Llama2(device, checkpoint.config)
  try {
    await loadWeights(network, checkpoint, options)
    return new Model(network, tokenizer, checkpoint, ownsDevice)
  } catch (error) {
    network.dispose()
    throw error
  }
}

/**
 * Fills a network's parameters from a checkpoint of its config, one tensor at a time.
 * @throws LoadError, before anything is read, for tensors that are not those of the network, or a type of weights that its
 * device does not read
 */
export const loadWeights = async (
  network: Llama,
  checkpoint: Checkpoint,
  { weights, signal, onProgress }: Pick<LoadOptions, 'weights' | 'signal' | 'onProgress'> = {},
): Promise<void> => {
  const { device } = network
  if (weights && !device.weightTypes.includes(weights))
    throw new LoadError(`device "${device.name}" reads weights as ${device.weightTypes.join(', ')}, not ${weights}`)
  const parameters = new Map(network.parameters())
  checkTensors(checkpoint, parameters)
  const dtype = (_name: string, info: TensorInfo) => heldAs(info, device, weights)
  for await (const [name, { data, shape, dtype: held }] of readTensors(checkpoint, { dtype, signal, onProgress })) {
    parameters.get(name)?.load(device.tensor(data, shape, held))
  }
}

const checkTensors = ({ name: file, tensors }: Checkpoint, parameters: ReadonlyMap<string, Parameter>): void => {
  for (const [name, { shape }] of tensors) {
    const expected = parameters.get(name)?.shape
    if (!expected) throw new LoadError(`${file}: tensor "${name}" has no place in this model`)
    if (expected.join() !== shape.join())
      throw new LoadError(`${file}: tensor "${name}" is [${shape}], and [${expected}] in this model`)
  }
  for (const name of parameters.keys())
    if (!tensors.has(name)) throw new LoadError(`${file}: tensor "${name}" is missing`)
}

/** Vectors are f32 always; a matrix whose rows are no whole blocks of 32 is not quantised. */
const heldAs = ({ shape, dtype }: TensorInfo, device: Device, wanted: WeightDType | undefined): WeightDType => {
  const reads = (type: string) => (device.weightTypes as readonly string[]).includes(type)
  const blocked = shape[shape.length - 1] % 32 === 0
  const allowed = (type: WeightDType) => reads(type) && (blocked || !type.startsWith('q'))
  if (shape.length === 1) return 'f32'
  if (wanted && allowed(wanted)) return wanted
  if (!wanted && dtype !== 'f32' && allowed(dtype as WeightDType)) return dtype as WeightDType
  return dtype !== 'f32' && reads('f16') ? 'f16' : 'f32'
}

/** Vocabularies are padded to such multiples; a tokenizer may be short of the model's by less. */
const PADDING = 256

const tokenizerOf = async (checkpoint: Checkpoint, { tokenizer: given, signal }: LoadOptions): Promise<Tokenizer> => {
  const tokenizer = given === undefined ? await ownTokenizer(checkpoint, signal) : await givenTokenizer(given, signal)
  const { vocab_size } = checkpoint.config
  const spare = vocab_size - tokenizer.vocabSize
  if (spare < 0 || spare >= PADDING)
    throw new LoadError(
      `the tokenizer has ${tokenizer.vocabSize} tokens, the model ${checkpoint.name} has ${vocab_size}: give the tokenizer that it was trained with`,
    )
  return tokenizer
}

const givenTokenizer = async (given: Tokenizer | Uint8Array | string, signal: AbortSignal | undefined) => {
  if (given instanceof Tokenizer) return given
  if (typeof given !== 'string') return loadTokenizer(given)
  return loadTokenizer(await readTokenizerBytes(given, signal), { name: given })
}

const ownTokenizer = async ({ vocabulary, name }: Checkpoint, signal: AbortSignal | undefined): Promise<Tokenizer> => {
  if (vocabulary?.kind === 'gguf') return readGgufVocabulary(vocabulary, { name })
  if (vocabulary?.kind === 'file') return loadTokenizer(await vocabulary.read({ signal }), { name: vocabulary.name })
  throw new LoadError(
    `${name} has no tokenizer in it or beside it: name one (tokenizer.model, tokenizer.json or tokenizer.bin)`,
  )
}
