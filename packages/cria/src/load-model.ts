import { embeddedModel } from './embedded'
import { LoadError } from './errors'
import type { ModelLocation } from './files'
import type { LoadOptions } from './load-options'
import type { Model } from './model'
import type { PlatformWorker } from './worker/ports'
import type { WorkerModel } from './worker/worker-model'

/** Where the model computes: here, in a worker that ends with it, or in one whose script calls `serveModels`. */
export interface WorkerOption {
  readonly worker?: boolean | PlatformWorker | undefined
}

/**
 * Loads a model: opens its files, chooses its architecture, reads its config and tokenizer, and moves its weights to a
 * device tensor by tensor.
 *
 * With `worker`, all that happens in a worker, and the calling thread is never held up: it only samples. Files cross without a
 * copy. An open device or checkpoint, sources and architectures of your own cannot cross to a worker.
 * @param from a path, URL or `hf:OWNER/NAME`, files or bytes, or an open checkpoint, which then stays the caller's. Default: the
 * model that Cria brings, a small one that tells stories.
 * @throws LoadError if there is no model or no tokenizer that fits it, if the device does not read the type of weights, or
 * for an option that is unknown or has a wrong value
 * @throws CheckpointError for files that are missing, damaged, or of no known architecture
 * @throws TokenizerFormatError @throws UnsupportedTokenizerError
 * @throws DeviceUnavailableError @throws DeviceFailedError
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
  // Each way is loaded when it is taken, so that a page that uses a worker does not fetch the other one.
  if (!worker) {
    const { loadHere } = await import('./load')
    return loadHere(location, options)
  }
  const { loadIn } = await import('./worker/load-in-worker')
  if (worker !== true) return loadIn({ worker, end: async () => {} }, location, options)
  const { startWorker } = await import('./worker/start')
  return loadIn(startWorker(), location, options)
}
