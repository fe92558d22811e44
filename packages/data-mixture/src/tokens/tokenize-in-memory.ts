import { SourceSizeError } from '../errors'
import { memoryTokens, type TokenStore } from './token-store'
import { type DocumentTokenizer, type EncodeDocumentsOptions, encodeDocuments } from './tokenizer'

/** The tokens of a source: what is trained on, and what is held out. */
export interface TokenizedSource {
  readonly training: TokenStore
  readonly validation: TokenStore
}

/** Ids that grow. */
class Growing {
  private ids = new Int32Array(1024)
  private length = 0
  private readonly ends: number[] = []

  add(document: Int32Array): void {
    if (this.length + document.length > this.ids.length) {
      const larger = new Int32Array(Math.max(2 * this.ids.length, this.length + document.length))
      larger.set(this.ids)
      this.ids = larger
    }
    this.ids.set(document, this.length)
    this.length += document.length
    this.ends.push(this.length)
  }

  store(vocabSize: number): TokenStore {
    return memoryTokens(this.ids.slice(0, this.length), { vocabSize, documentEnds: this.ends })
  }
}

/**
 * The tokens of some documents, in memory: for pages, tests, and small texts.
 *
 * @param name names the source in errors
 * @throws SourceSizeError if no document has a token
 * @throws VocabularyError if the tokenizer gives an id outside its vocabulary
 * @throws MixtureConfigError if an option is out of range
 */
export const tokenizeInMemory = async (
  documents: Iterable<string> | AsyncIterable<string>,
  tokenizer: DocumentTokenizer,
  name: string,
  options: EncodeDocumentsOptions = {},
): Promise<TokenizedSource> => {
  const splits = { training: new Growing(), validation: new Growing() }
  let found = false
  for await (const { split, ids } of encodeDocuments(documents, tokenizer, name, options)) {
    splits[split].add(ids)
    found = true
  }
  if (!found) throw new SourceSizeError(name, 'it has no documents with text: add some, or leave it out')
  const { vocabSize } = tokenizer
  return { training: splits.training.store(vocabSize), validation: splits.validation.store(vocabSize) }
}
