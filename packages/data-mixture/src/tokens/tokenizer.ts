import { DocumentError, MixtureConfigError, VocabularyError } from '../errors'
import { Hash } from '../hash'

/** The interface that a tokenizer needs. `@cria/tokenizer` has it. */
export interface DocumentTokenizer {
  /** The ids of a text, without BOS and EOS. Special tokens in the text are plain text. */
  encode(text: string): ArrayLike<number>
  /** The id that starts a document; undefined if the vocabulary has none. */
  readonly bosId?: number | undefined
  /** The id that ends a document; undefined if the vocabulary has none. */
  readonly eosId?: number | undefined
  /** Ids are below it. */
  readonly vocabSize: number
}

/** Identifies a tokenizer. */
export interface TokenizerIdentity {
  readonly vocabSize: number
  readonly bosId?: number | undefined
  readonly eosId?: number | undefined
  /** A hash of the ids that the tokenizer gives for a fixed text. */
  readonly probe: string
}

/** Every pair of printable ASCII characters, and words of several languages and scripts. */
const probeText = (): string => {
  let pairs = ''
  for (let a = 33; a < 127; a++) for (let b = 33; b < 127; b++) pairs += ` ${String.fromCharCode(a, b)}`
  const prose =
    'Once upon a time there was a little llama who lived on a mountain. The committee of the national government has ' +
    'published information about the development of international education, because people know that water, money and ' +
    'time are important. function return const import class 1234567890 3.14159 http://www.example.com/index.html\n\n\t' +
    'L’été dernier, für größere Häuser, el niño pequeño, questa è la città, Москва и Россия, 日本語の文章, 中文文本, 한국어, العربية, ' +
    'ελληνικά, हिन्दी, 🦙🎉'
  return `${prose}\n${pairs}`
}

/** @throws MixtureConfigError if the tokenizer has no size, or its BOS or EOS is not a token of the vocabulary */
export const tokenizerIdentity = (tokenizer: DocumentTokenizer): TokenizerIdentity => {
  const { vocabSize, bosId, eosId } = tokenizer
  if (!(Number.isSafeInteger(vocabSize) && vocabSize >= 1 && vocabSize <= 2 ** 31)) {
    throw new MixtureConfigError('tokenizer', `its vocabSize is ${vocabSize}: expected a whole number from 1 to 2^31`)
  }
  checkEnds(tokenizer)
  const hash = new Hash()
  const ids = tokenizer.encode(probeText())
  for (let i = 0; i < ids.length; i++) hash.add(ids[i])
  return { vocabSize, bosId, eosId, probe: hash.toString() }
}

/** @throws MixtureConfigError if BOS or EOS is given and is not a token of the vocabulary */
const checkEnds = (tokenizer: DocumentTokenizer): void => {
  for (const key of ['bosId', 'eosId'] as const) {
    const id = tokenizer[key]
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize)) {
      const expected = `expected a token id below ${tokenizer.vocabSize}, or undefined if the vocabulary has no such token`
      throw new MixtureConfigError('tokenizer', `its ${key} is ${id}: ${expected}`)
    }
  }
}

/** What differs between two tokenizers, in words; undefined if nothing does. */
export const tokenizerDifference = (a: TokenizerIdentity, b: TokenizerIdentity): string | undefined => {
  for (const key of ['vocabSize', 'bosId', 'eosId'] as const) {
    if (a[key] !== b[key]) return `${key} is ${a[key] ?? 'none'} in one and ${b[key] ?? 'none'} in the other`
  }
  return a.probe === b.probe ? undefined : 'they encode the same text differently'
}

export interface EncodeDocumentsOptions {
  /** Put BOS before each document. Default: true. */
  readonly bos?: boolean | undefined
  /** Put EOS after each document. Default: true. */
  readonly eos?: boolean | undefined
  /**
   * The fraction of documents that go to validation, from 0 to below 1. Which ones depends on their text alone: copies of a
   * document go the same way, in any source and order. Default: 0.
   */
  readonly validation?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export type Split = 'training' | 'validation'

/** A document as tokens. */
export interface EncodedDocument {
  readonly split: Split
  /** Its ids, with BOS and EOS. */
  readonly ids: Int32Array<ArrayBuffer>
  /** Size of the text in UTF-8, to score a model in bits per byte. */
  readonly bytes: number
}

/** The split of a document: the hash of its text, as a number below 1, is compared with the fraction for validation. */
export const splitOf = (text: string, validation: number): Split =>
  new Hash().addText(text).words()[0] / 2 ** 32 < validation ? 'validation' : 'training'

/** The options with their defaults, checked. */
export const checkEncodeOptions = (
  tokenizer: DocumentTokenizer,
  { bos = true, eos = true, validation = 0 }: EncodeDocumentsOptions,
): { readonly bos: boolean; readonly eos: boolean; readonly validation: number } => {
  if (!(validation >= 0 && validation < 1)) {
    throw new MixtureConfigError('validation', `${validation}: expected a number from 0 to below 1`)
  }
  checkEnds(tokenizer)
  for (const [name, wanted, id] of [
    ['bos', bos, tokenizer.bosId],
    ['eos', eos, tokenizer.eosId],
  ] as const) {
    if (wanted && id === undefined) {
      throw new MixtureConfigError(name, `the tokenizer has no ${name.toUpperCase()} token: set ${name} to false`)
    }
  }
  return { bos, eos, validation }
}

const loneSurrogate = /\p{Surrogate}/u

/** Milliseconds of encoding after which other work may run. */
const sliceTime = 20

/**
 * Documents as tokens, in order. Documents that have no tokens except BOS and EOS are left out. The event loop runs in between.
 *
 * @param name names the source in errors
 * @throws VocabularyError if the tokenizer gives an id outside its vocabulary
 * @throws DocumentError if a document is not Unicode text
 * @throws MixtureConfigError if an option is out of range, or BOS or EOS is asked for and the vocabulary has none
 */
export async function* encodeDocuments(
  documents: Iterable<string> | AsyncIterable<string>,
  tokenizer: DocumentTokenizer,
  name: string,
  options: EncodeDocumentsOptions = {},
): AsyncGenerator<EncodedDocument> {
  const { bos, eos, validation } = checkEncodeOptions(tokenizer, options)
  const { vocabSize } = tokenizer
  const start = bos ? tokenizer.bosId : undefined
  const end = eos ? tokenizer.eosId : undefined
  let index = 0
  let rest = performance.now() + sliceTime
  for await (const text of documents) {
    options.signal?.throwIfAborted()
    if (performance.now() > rest) {
      await new Promise(resolve => setTimeout(resolve, 0))
      rest = performance.now() + sliceTime
    }
    if (loneSurrogate.test(text)) {
      throw new DocumentError(
        name,
        `document ${index} holds half a surrogate pair, so it is not Unicode text: repair it`,
      )
    }
    const own = tokenizer.encode(text)
    if (own.length > 0) {
      const ids = new Int32Array(own.length + Number(bos) + Number(eos))
      if (start !== undefined) ids[0] = start
      for (let i = 0; i < own.length; i++) {
        const id = own[i]
        if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
          throw new VocabularyError(
            id,
            vocabSize,
            `document ${index} of ${name}`,
            'the tokenizer is at fault, use another',
          )
        }
        ids[i + Number(bos)] = id
      }
      if (end !== undefined) ids[ids.length - 1] = end
      yield { split: splitOf(text, validation), ids, bytes: utf8Length(text) }
    }
    index++
  }
}

/** Bytes of a text in UTF-8. */
export const utf8Length = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // A surrogate pair is four bytes for two units.
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes += 2
    else if (unit >= 0x80) bytes += 1
  }
  return bytes
}
