import { MixtureConfigError } from './errors'
import { Hash, mix32 } from './hash'

export interface DuplicateOptions {
  /** The Jaccard similarity of two documents' shingles from which they count as near-duplicates. Default: 0.8. */
  readonly threshold?: number | undefined
  /** Words of a shingle. Default: 5. */
  readonly shingleWords?: number | undefined
}

/** What a document is a near-duplicate of. */
export interface DuplicateMatch {
  /** The earlier document, by the order in which they were added, from 0. */
  readonly document: number
  /** The estimated similarity, with a standard error of at most 0.045. */
  readonly similarity: number
}

/** Hashes of a signature. */
const hashes = 128

/**
 * Finds near-duplicates among documents that are added one by one, by MinHash (A. Broder, "On the resemblance and containment of documents", 1997). A
 * document is the set of its shingles: runs of words, in lower case, without punctuation; each ideograph is a word. The least hash
 * of the set under each of 128 hash functions is its signature; the fraction of equal entries estimates the Jaccard similarity.
 * Signatures are compared if one of their bands is equal. This finds nine of ten pairs at the threshold, and nearly all above it.
 *
 * Only documents that are not near-duplicates of earlier ones are kept for comparison, in about 2 kB each.
 */
export class DuplicateFinder {
  private readonly threshold: number
  private readonly shingleWords: number
  /** Entries of a band. */
  private readonly band: number
  /** For each band, the documents by the band's content. */
  private readonly bands: Map<number, number[]>[]
  private readonly signatures = new Map<number, Uint32Array>()
  private added = 0

  /** @throws MixtureConfigError if an option is out of range */
  constructor({ threshold = 0.8, shingleWords = 5 }: DuplicateOptions = {}) {
    if (!(threshold >= 0.3 && threshold <= 1)) {
      throw new MixtureConfigError('threshold', `${threshold}: expected a number from 0.3 to 1`)
    }
    if (!(Number.isSafeInteger(shingleWords) && shingleWords >= 1 && shingleWords <= 100)) {
      throw new MixtureConfigError('shingleWords', `${shingleWords}: expected a whole number from 1 to 100`)
    }
    this.threshold = threshold
    this.shingleWords = shingleWords
    this.band = bandFor(threshold)
    this.bands = Array.from({ length: hashes / this.band }, () => new Map())
  }

  /** Documents added. */
  get documents(): number {
    return this.added
  }

  /** Adds a document. Returns the earlier one that it is most similar to, if that is at least the threshold. */
  add(text: string): DuplicateMatch | undefined {
    const document = this.added++
    const signature = signatureOf(text, this.shingleWords)
    // Two documents without words do not count as copies.
    if (signature === undefined) return undefined
    const keys = this.bands.map((_, i) => {
      const hash = new Hash()
      for (let j = 0; j < this.band; j++) hash.add(signature[i * this.band + j])
      const [high, low] = hash.words()
      return (high & 0xfffff) * 2 ** 32 + low
    })
    const match = this.best(signature, keys)
    if (match) return match
    this.signatures.set(document, signature)
    for (const [i, key] of keys.entries()) {
      const same = this.bands[i].get(key)
      if (same) same.push(document)
      else this.bands[i].set(key, [document])
    }
    return undefined
  }

  private best(signature: Uint32Array, keys: readonly number[]): DuplicateMatch | undefined {
    const candidates = new Set(keys.flatMap((key, i) => this.bands[i].get(key) ?? []))
    let best: DuplicateMatch | undefined
    for (const document of candidates) {
      const other = this.signatures.get(document) as Uint32Array
      let equal = 0
      for (let i = 0; i < hashes; i++) if (signature[i] === other[i]) equal++
      const similarity = equal / hashes
      if (similarity >= this.threshold && similarity > (best?.similarity ?? 0)) best = { document, similarity }
    }
    return best
  }
}

/** The longest bands by which nine of ten pairs at the threshold have a band in common. */
const bandFor = (threshold: number): number => {
  let band = 1
  for (let longer = 2; longer <= hashes; longer *= 2) {
    if (1 - (1 - threshold ** longer) ** (hashes / longer) >= 0.9) band = longer
  }
  return band
}

const words = /\p{Ideographic}|[\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+/gu

const signatureOf = (text: string, shingleWords: number): Uint32Array | undefined => {
  const hashed = (text.toLowerCase().match(words) ?? []).map(word => new Hash().addText(word).words()[0])
  if (hashed.length === 0) return undefined
  const length = Math.min(shingleWords, hashed.length)
  const signature = new Uint32Array(hashes).fill(2 ** 32 - 1)
  const seen = new Set<number>()
  for (let i = 0; i + length <= hashed.length; i++) {
    const shingle = new Hash()
    for (let j = 0; j < length; j++) shingle.add(hashed[i + j])
    const key = shingle.words()[0]
    if (seen.has(key)) continue
    seen.add(key)
    for (let j = 0; j < hashes; j++) {
      const value = mix32(key + Math.imul(j + 1, 0x9e3779b9))
      if (value < signature[j]) signature[j] = value
    }
  }
  return signature
}
