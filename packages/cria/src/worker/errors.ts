import { ContextOverflowError } from '@cria/attention-variants'
import { ChatTemplateError } from '@cria/chat-template'
import { ConversionError, MalformedFileError, SourceError, UnsupportedModelError } from '@cria/checkpoint'
import { ConfigError, ParameterError, TokenIdsError } from '@cria/layers'
import { LogitsError, OptionError, PromptError, SessionError } from '@cria/sampling'
import {
  DeviceClosedError,
  DeviceFailedError,
  DeviceLostError,
  DeviceUnavailableError,
  DisposedError,
  OutOfMemoryError,
  ShapeError,
  TensorError,
  UnsupportedOpError,
} from '@cria/tensor'
import { SpecialTokenError, TokenIdError, TokenizerFormatError, UnsupportedTokenizerError } from '@cria/tokenizer'
import { ChatError, LoadError, WorkerError } from '../errors'

/** An error as it is sent between threads. */
export interface SentError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Its other fields, if they can be cloned. */
  readonly fields: Readonly<Record<string, unknown>>
  /** What caused it, if that was an error too. */
  readonly cause: SentError | undefined
}

/** Errors of these classes are instances of the same class on the other side. Other errors keep name, message and fields. */
const classes: Readonly<Record<string, { readonly prototype: Error }>> = {
  ChatError,
  ChatTemplateError,
  ConfigError,
  ContextOverflowError,
  ConversionError,
  DeviceClosedError,
  DeviceFailedError,
  DeviceLostError,
  DeviceUnavailableError,
  DisposedError,
  LoadError,
  LogitsError,
  MalformedFileError,
  OptionError,
  OutOfMemoryError,
  ParameterError,
  PromptError,
  SessionError,
  ShapeError,
  SourceError,
  SpecialTokenError,
  TensorError,
  TokenIdError,
  TokenIdsError,
  TokenizerFormatError,
  UnsupportedModelError,
  UnsupportedOpError,
  UnsupportedTokenizerError,
  WorkerError,
}

const isPlain = (value: unknown): boolean => value === null || !['function', 'object', 'symbol'].includes(typeof value)

/** How many causes are followed: the chain of causes can be circular. */
const maxCauses = 4

export const sentError = (error: unknown, depth = 0): SentError => {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), stack: undefined, fields: {}, cause: undefined }
  const { name, message, stack, cause } = error
  const own = Object.entries(error).filter(([field, value]) => field !== 'name' && isPlain(value))
  return {
    name,
    message,
    stack,
    fields: Object.fromEntries(own),
    cause: cause instanceof Error && depth < maxCauses ? sentError(cause, depth + 1) : undefined,
  }
}

export const receivedError = ({ name, message, stack, fields, cause }: SentError): Error => {
  const options = cause && { cause: receivedError(cause) }
  const error = new Error(message, options)
  const found = Object.hasOwn(classes, name) ? classes[name] : undefined
  if (found) Object.setPrototypeOf(error, found.prototype)
  Object.assign(error, fields)
  Object.defineProperty(error, 'name', { value: name, configurable: true })
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return error
}
