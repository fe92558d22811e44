import type { CacheType } from '@cria/attention-variants'
import type { Progress } from '@cria/checkpoint'
import type { DType } from '@cria/dtypes'
import type { Architecture } from '@cria/llama'
import type { Device, DeviceName, Precision, Tune } from '@cria/tensor'
import type { Tokenizer } from '@cria/tokenizer'
import { embeddedModel } from './embedded'
import { LoadError } from './errors'
import type { ModelLocation } from './files'
import type { Model } from './model'
import type { PlatformWorker } from './worker/ports'
import type { WorkerModel } from './worker/worker-model'

export interface LoadOptions {
  /** Where to run: a name, or an open device, which then stays the caller's. Default `auto`. */
  readonly device?: DeviceName | 'auto' | Device | undefined
  /** Threads of the `simd` device. */
  readonly threads?: number | undefined
  /**
   * Whether the `webgpu` device measures, before the weights load and for at most 1.5 s, which variants of its shaders are the
   * fastest on this GPU. `auto`: on hardware, and once, because the results are kept. `on`: on software adapters too. Default `auto`.
   */
  readonly tune?: Tune | undefined
  /**
   * The least precise numbers that the `webgpu` device may multiply prompts in, if it measures that they are faster: `f16` or `int8` change
   * results slightly. Default `f32`: results do not depend on measurements.
   */
  readonly precision?: Precision | undefined
  /** A tokenizer, its bytes, or its path, URL or `hf:` location (also of a GGUF file). Default: the model's own. */
  readonly tokenizer?: Tokenizer | Uint8Array | string | URL | undefined
  /**
   * The type of the matrices on the device; f16 or f32 for a matrix whose rows are not whole blocks of it. Default: as stored if the
   * device reads that, else a type that keeps range and precision.
   */
  readonly weights?: DType | undefined
  /** How caches store keys and values. Default: as the device does. */
  readonly cache?: CacheType | undefined
  /** Architectures of your own. They are tried before the built-in ones. */
  // biome-ignore lint/suspicious/noExplicitAny: each architecture has its own type of config
  readonly architectures?: readonly Architecture<any>[] | undefined
  /** Headers of requests to servers, such as `{ authorization: 'Bearer …' }` for private models. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where the model computes: here, in a worker that ends with it, or in one whose script calls `serveModels`. */
export interface WorkerOption {
  readonly worker?: boolean | PlatformWorker | undefined
}

/**
 * Loads a model: opens its files, chooses its architecture, reads its config and tokenizer, and moves its weights to a
 * device tensor by tensor.
 *
 * With `worker`, all of this happens in a worker. The calling thread is never blocked: it only samples. Files are passed without a
 * copy. An open device or checkpoint, sources and architectures of your own cannot be passed to a worker.
 * @param from a path, URL or `hf:OWNER/NAME`, files or bytes, or an open checkpoint, which the caller still closes. Default: the
 * built-in model, a small one that tells stories.
 *
 * If a GPU is lost (its driver was reset, the machine slept), a model whose device was given by name is loaded again, once, and
 * running generations continue. Tensors of your own on that device are gone.
 * @throws LoadError if there is no model or no tokenizer that fits it, if the device does not read the type of weights, or
 * for an option that is unknown or has a wrong value
 * @throws CheckpointError for files that are missing, damaged, or of no known architecture
 * @throws TokenizerFormatError @throws UnsupportedTokenizerError
 * @throws DeviceUnavailableError @throws DeviceFailedError @throws OutOfMemoryError with the name of the weight
 * @throws WorkerError if the worker cannot be started, or ends
 */
export function loadModel(
  from: ModelLocation | undefined,
  options: LoadOptions & { readonly worker: true | PlatformWorker },
): Promise<WorkerModel>
export function loadModel(
  from?: ModelLocation,
  options?: LoadOptions & { readonly worker?: false | undefined },
): Promise<Model>
export async function loadModel(
  from?: ModelLocation,
  { worker, ...options }: LoadOptions & WorkerOption = {},
): Promise<Model | WorkerModel> {
  if (from === null) {
    throw new LoadError('null was given as a model: name a folder, a GGUF, safetensors or llama2.c file, or a URL')
  }
  const location = from ?? (await embeddedModel())
  // Each path is imported only when it is used: a page that uses a worker does not fetch the other one.
  if (!worker) {
    const { loadHere } = await import('./load')
    return loadHere(location, options)
  }
  const { loadIn } = await import('./worker/load-in-worker')
  if (worker !== true) return loadIn({ worker, end: async () => {} }, location, options)
  const { startWorker } = await import('./worker/start')
  return loadIn(startWorker(), location, options)
}
