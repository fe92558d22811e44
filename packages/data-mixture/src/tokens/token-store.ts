import { VocabularyError } from '../errors'
import { Hash } from '../hash'

/** The tokens of one source: documents, one after the other, with random access. */
export interface TokenStore {
  /** Number of tokens. */
  readonly tokens: number
  /** Number of documents. */
  readonly documents: number
  /** Changes when the tokens or the document boundaries change. */
  readonly identity: string
  /** Ids from `start` to before `end`, in an array of the caller's own. */
  read(start: number, end: number): Promise<Int32Array<ArrayBuffer>>
  /** The tokens from `start` to before `end` with which a document starts, ascending. */
  documentStarts(start: number, end: number): Promise<number[]>
  /** The ids of one document, counted from 0. */
  document(index: number): Promise<Int32Array<ArrayBuffer>>
  close(): Promise<void>
}

/** @throws RangeError if start and end are not whole numbers with 0 <= start <= end <= tokens */
export const checkTokenRange = (start: number, end: number, tokens: number): void => {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > tokens) {
    throw new RangeError(`tokens ${start} to ${end}: expected a range within 0 to ${tokens}`)
  }
}

/** @throws RangeError if there is no such document */
export const checkDocument = (index: number, documents: number): void => {
  if (!Number.isSafeInteger(index) || index < 0 || index >= documents) {
    throw new RangeError(`document ${index}: expected a whole number below ${documents}`)
  }
}

export interface MemoryTokensOptions {
  /** Ids are checked to be below it. */
  readonly vocabSize: number
  /** For each document the number of tokens up to its end, ascending; the last is the number of all tokens. */
  readonly documentEnds: ArrayLike<number>
}

/**
 * Tokens in memory as a store.
 *
 * @param ids the ids of all documents, one document after the other; not copied
 * @throws VocabularyError if an id is not a whole number below `vocabSize`
 * @throws RangeError if `documentEnds` does not ascend to the number of ids
 */
export const memoryTokens = (ids: ArrayLike<number>, options: MemoryTokensOptions): TokenStore => {
  const { vocabSize, documentEnds } = options
  const tokens = ids.length
  const documents = documentEnds.length
  for (let i = 0, before = 0; i < documents; before = documentEnds[i++]) {
    if (!(Number.isSafeInteger(documentEnds[i]) && documentEnds[i] > before)) {
      throw new RangeError(`documentEnds[${i}] is ${documentEnds[i]}: expected a whole number above ${before}`)
    }
  }
  const end = documents === 0 ? 0 : documentEnds[documents - 1]
  if (end !== tokens) throw new RangeError(`documentEnds ends at ${end}, but there are ${tokens} ids`)
  const hash = new Hash().addNumber(documents)
  for (let i = 0; i < documents; i++) hash.addNumber(documentEnds[i])
  for (let i = 0; i < tokens; i++) {
    const id = ids[i]
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new VocabularyError(id, vocabSize, `token ${i}`, 'give the vocabSize of the tokenizer that made the ids')
    }
    hash.add(id)
  }
  /** The first document that ends after a token. */
  const documentAt = (token: number): number => {
    let low = 0
    let high = documents
    while (low < high) {
      const middle = (low + high) >>> 1
      if (documentEnds[middle] <= token) low = middle + 1
      else high = middle
    }
    return low
  }
  const read = async (start: number, end: number) => {
    checkTokenRange(start, end, tokens)
    const copy = new Int32Array(end - start)
    for (let i = start; i < end; i++) copy[i - start] = ids[i]
    return copy
  }
  return {
    tokens,
    documents,
    identity: hash.toString(),
    read,
    async documentStarts(start, end) {
      checkTokenRange(start, end, tokens)
      const starts: number[] = []
      // Document i starts where document i - 1 ends.
      for (let i = start === 0 ? 0 : documentAt(start - 1); i < documents; i++) {
        const at = i === 0 ? 0 : documentEnds[i - 1]
        if (at >= end) break
        if (at >= start) starts.push(at)
      }
      return starts
    },
    async document(index) {
      checkDocument(index, documents)
      return read(index === 0 ? 0 : documentEnds[index - 1], documentEnds[index])
    },
    async close() {},
  }
}
