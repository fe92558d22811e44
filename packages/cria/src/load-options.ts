import type { CacheType } from '@cria/attention-variants'
import type { Progress } from '@cria/checkpoint'
import { type DType, isDType } from '@cria/dtypes'
import type { Architecture } from '@cria/llama'
import { Device, type DeviceName } from '@cria/tensor'
import { Tokenizer } from '@cria/tokenizer'
import { LoadError } from './errors'

export interface LoadOptions {
  /** Where to run: a name, or an open device, which then stays the caller's. Default `auto`. */
  readonly device?: DeviceName | 'auto' | Device | undefined
  /** Threads of the `simd` device. */
  readonly threads?: number | undefined
  /** A tokenizer, its bytes, or its path, URL or `hf:` location (also of a GGUF file). Default: the model's own. */
  readonly tokenizer?: Tokenizer | Uint8Array | string | URL | undefined
  /**
   * The type to hold matrices in; f16 or f32 for a matrix whose rows are not whole blocks of it. Default: as stored if the
   * device reads that, else a type that keeps range and precision.
   */
  readonly weights?: DType | undefined
  /** How caches store keys and values. Default: as the device does. */
  readonly cache?: CacheType | undefined
  /** Architectures of your own. They are asked before those that are known. */
  // biome-ignore lint/suspicious/noExplicitAny: the config of an architecture is its own matter
  readonly architectures?: readonly Architecture<any>[] | undefined
  /** Headers of requests to servers, such as `{ authorization: 'Bearer …' }` for private models. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

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
  // Not by instanceof: signals of other realms and polyfills are as good.
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
export const checkLoadOptions = (options: LoadOptions): void => {
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(rules, option)) {
      throw new LoadError(`loadModel has no option "${option}": it knows ${Object.keys(rules).join(', ')}`)
    }
    const { expected, holds } = rules[option as keyof LoadOptions]
    if (value !== undefined && !holds(value)) throw new LoadError(`${option} is ${shown(value)}, expected ${expected}`)
  }
  const { device = 'auto', threads } = options
  if (threads !== undefined && device !== 'simd' && device !== 'auto') {
    throw new LoadError('threads are for a device "simd" that is opened here: leave them out')
  }
}
