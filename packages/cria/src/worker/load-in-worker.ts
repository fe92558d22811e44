import type { DeviceName } from '@cria/tensor'
import { Tokenizer } from '@cria/tokenizer'
import { LoadError } from '../errors'
import type { ModelFile, ModelLocation } from '../files'
import type { LoadOptions } from '../load-model'
import { Caller } from './calls'
import { type PlatformWorker, portTo } from './ports'
import type { SentFile, SentLoad, SentLocation } from './protocol'
import type { ModelOffer } from './serve-models'
import type { StartedWorker } from './start'
import { WorkerModel } from './worker-model'

/** Connections to workers in use, so that several models can share one worker. */
const callers = new WeakMap<PlatformWorker, Caller<ModelOffer>>()
let modelNumbers = 0

/** Options of a model in a worker: the options of `loadModel` that can be sent to a worker. */
export interface WorkerLoadOptions
  extends Pick<
    LoadOptions,
    'threads' | 'tune' | 'precision' | 'tokenizer' | 'weights' | 'cache' | 'headers' | 'onProgress' | 'signal'
  > {
  /** A worker whose script calls `serveModels`. It stays yours: several models may share it. */
  readonly worker: PlatformWorker
  /** Where to run: a name. Default `auto`. */
  readonly device?: DeviceName | 'auto' | undefined
}

/**
 * Loads a model in a worker of your own. It does what `loadModel(from, { worker })` does, without importing the code that
 * computes on the calling thread.
 * @throws as `loadModel`, and LoadError for what cannot cross to a worker @throws WorkerError if the worker fails
 */
export const loadInWorker = (from: ModelLocation, { worker, ...options }: WorkerLoadOptions): Promise<WorkerModel> =>
  loadIn({ worker, end: async () => {} }, from, options)

/** Loads a model in a worker, which ends with the model. */
export const loadIn = async (
  { worker, end }: StartedWorker,
  from: ModelLocation,
  { signal, onProgress, ...options }: LoadOptions,
): Promise<WorkerModel> => {
  const known = callers.get(worker)
  const caller = known && !known.ended ? known : new Caller<ModelOffer>(portTo(worker))
  callers.set(worker, caller)
  const number = ++modelNumbers
  try {
    const loaded = await caller.call('load', sentLoad(number, from, options), { signal, onProgress })
    return new WorkerModel(loaded, caller, number, end)
  } catch (error) {
    await end()
    throw error
  }
}

const sentLoad = (
  model: number,
  from: ModelLocation,
  { device, threads, tune, precision, weights, cache, headers, tokenizer, architectures, ...unknown }: LoadOptions,
): SentLoad => {
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new LoadError(`loadModel has no option "${name}"`)
  if (device !== undefined && typeof device !== 'string')
    throw new LoadError('an open device cannot cross to a worker: name the device, and it is opened there')
  if (architectures !== undefined)
    throw new LoadError(
      'architectures cannot cross to a worker: give one of your own, whose script calls serveModels({ architectures })',
    )
  return {
    ...{ model, from: sentLocation(from), device, threads, tune, precision, weights, cache, headers },
    tokenizer: sentTokenizer(tokenizer),
  }
}

const sentTokenizer = (tokenizer: LoadOptions['tokenizer']): SentLoad['tokenizer'] => {
  if (tokenizer instanceof Tokenizer) return { vocabulary: tokenizer.vocabulary }
  return tokenizer instanceof Uint8Array || tokenizer === undefined ? tokenizer : address(tokenizer)
}

/** A path or URL that means the same in a worker: in a page, a path is relative to the page. */
const address = (location: string | URL): string => {
  const { document } = globalThis as { readonly document?: { readonly baseURI: string } }
  return document ? new URL(String(location), document.baseURI).href : String(location)
}

const sentLocation = (from: ModelLocation): SentLocation => {
  if (typeof from === 'string' || from instanceof URL) return address(from)
  const single = sentFile(from)
  if (single) return [single]
  if (!('length' in from)) throw cannotCross('an open checkpoint')
  return Array.from(from as ArrayLike<ModelFile>, file => {
    const sent = sentFile(file)
    if (!sent) throw cannotCross('a source of your own')
    return sent
  })
}

const sentFile = (file: unknown): SentFile | undefined => {
  if (file instanceof Blob) return { name: (file as Partial<File>).name, content: file }
  if (file instanceof Uint8Array) return { name: undefined, content: file }
  if (file instanceof ArrayBuffer) return { name: undefined, content: new Uint8Array(file) }
  return undefined
}

const cannotCross = (what: string): LoadError =>
  new LoadError(`${what} cannot cross to a worker: give a path, a URL, Blobs, Files or bytes`)
