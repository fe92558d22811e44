import { BytePairEncoder } from './bpe'
import { CharsMap } from './charsmap'
import { DecodingTable, TokenDecoder } from './decoder'
import { SpecialTokenError, TokenIdError } from './errors'
import { Literals } from './literals'
import { Normalizer } from './normalizer'
import { checkVocabulary, PieceType, type Vocabulary } from './vocabulary'

export interface EncodeOptions {
  /** Put BOS before the tokens of the text. Default false. */
  readonly bos?: boolean
  /** Put EOS after them. Default false. */
  readonly eos?: boolean
  /**
   * Special (control) tokens to recognise by name in the text: none by default, so that text is never more than text.
   * The parts between them are encoded as texts of their own.
   */
  readonly allowSpecial?: 'all' | Iterable<string>
}

/** Tokens, and where in the text each stands. */
export interface EncodingWithOffsets {
  readonly ids: Uint32Array
  /**
   * Two numbers a token: start and end in the text, in UTF-16 code units, so that `text.slice(start, end)` is what the
   * token stands for. BOS, EOS and a lone dummy prefix stand for nothing; of the bytes of one character the last
   * stands for all of it.
   */
  readonly offsets: Uint32Array
}

/**
 * LLaMA's tokenizer: byte-pair encoding as SentencePiece does it, with the same ids for every text. Immutable.
 *
 * Text is taken as UTF-16; a surrogate without its other half counts as U+FFFD.
 */
export class Tokenizer {
  readonly vocabSize: number
  readonly bosId: number
  readonly eosId: number
  readonly unkId: number
  readonly padId: number | undefined
  /** The names and ids of the control tokens, which `allowSpecial` allows in text. */
  readonly specialTokens: ReadonlyMap<string, number>
  private readonly allSpecial: Literals
  private readonly encoder: BytePairEncoder
  private readonly normalizer: Normalizer
  private readonly table: DecodingTable
  private readonly idOf: ReadonlyMap<string, number>

  /**
   * @param vocabulary what the tokenizer is made of
   * @param options.name names the vocabulary in errors
   * @throws {TokenizerFormatError} for a vocabulary that contradicts itself
   * @throws {UnsupportedTokenizerError} for one without BOS or EOS, or whose pieces can be made in too many ways
   */
  constructor(
    readonly vocabulary: Vocabulary,
    { name = 'vocabulary' }: { readonly name?: string } = {},
  ) {
    const { pieces, types, normalizer } = checkVocabulary(name, vocabulary)
    this.vocabSize = pieces.length
    this.bosId = vocabulary.bosId
    this.eosId = vocabulary.eosId
    this.unkId = vocabulary.unkId
    this.padId = vocabulary.padId
    this.idOf = new Map(pieces.map((piece, id) => [piece, id]))
    this.specialTokens = new Map([...this.idOf].filter(([, id]) => types[id] === PieceType.control))
    this.allSpecial = new Literals(this.specialTokens.keys())
    const userDefined = pieces.filter((_, id) => types[id] === PieceType.userDefined)
    this.normalizer = new Normalizer(
      normalizer,
      normalizer.charsMap.length > 0 ? new CharsMap(name, normalizer.charsMap) : undefined,
      new Literals(userDefined),
    )
    this.encoder = new BytePairEncoder(vocabulary, name)
    this.table = new DecodingTable(vocabulary)
  }

  /**
   * The tokens of a text. Takes O(n log n) time for n characters, whatever they are.
   *
   * @throws {SpecialTokenError} where `allowSpecial` names a token that is none
   * @throws {UnsupportedTokenizerError} where a replacement rule of the model's would match without end
   */
  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    this.run(text, options)
    return this.encoder.ids.slice(0, this.encoder.count)
  }

  /** The tokens of each text. */
  encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): Uint32Array[] {
    return Array.from(texts, text => this.encode(text, options))
  }

  /** How many tokens `encode` would return. */
  countTokens(text: string, options: EncodeOptions = {}): number {
    this.run(text, options)
    return this.encoder.count
  }

  /** The tokens of a text, and where in it they stand. */
  encodeWithOffsets(text: string, options: EncodeOptions = {}): EncodingWithOffsets {
    const offsets: number[] = []
    this.run(text, options, offsets)
    return { ids: this.encoder.ids.slice(0, this.encoder.count), offsets: Uint32Array.from(offsets) }
  }

  /**
   * The text of tokens. Control tokens have none; bytes that are no UTF-8 become U+FFFD.
   *
   * @throws {TokenIdError} for an id that the vocabulary does not have
   */
  decode(ids: Iterable<number>): string {
    const decoder = this.decoder()
    let text = ''
    for (const id of ids) text += decoder.push(id)
    return text + decoder.end()
  }

  /** A decoder for tokens that come one at a time. */
  decoder(): TokenDecoder {
    return new TokenDecoder(this.table)
  }

  /** The id of a piece, spaces written as `▁`, or `undefined`. */
  pieceToId(piece: string): number | undefined {
    return this.idOf.get(piece)
  }

  /** @throws {TokenIdError} for an id that the vocabulary does not have */
  idToPiece(id: number): string {
    const piece = this.vocabulary.pieces[id]
    if (piece === undefined) throw new TokenIdError(id, this.vocabSize)
    return piece
  }

  /** Leaves the tokens in the encoder, and appends where they stand to `offsets` where that is given. */
  private run(text: string, { bos = false, eos = false, allowSpecial }: EncodeOptions, offsets?: number[]) {
    this.encoder.clear()
    if (bos) this.putSpecial(this.bosId, 0, 0, offsets)
    let done = 0
    for (const { at, text: token } of allowSpecial === undefined ? [] : this.allowed(allowSpecial).matches(text)) {
      this.putText(text.slice(done, at), done, offsets)
      done = at + token.length
      this.putSpecial(this.specialTokens.get(token) as number, at, done, offsets)
    }
    this.putText(done === 0 ? text : text.slice(done), done, offsets)
    if (eos) this.putSpecial(this.eosId, text.length, text.length, offsets)
  }

  private putSpecial(id: number, start: number, end: number, offsets: number[] | undefined) {
    this.encoder.append(id, 0)
    offsets?.push(start, end)
  }

  /** @param base where in the whole text this part starts */
  private putText(part: string, base: number, offsets: number[] | undefined) {
    const { encoder } = this
    const first = encoder.count
    const normalized = this.normalizer.normalize(part)
    encoder.encode(normalized.text)
    if (offsets === undefined) return
    for (let i = first; i < encoder.count; i++) {
      const start = i === first ? 0 : encoder.ends[i - 1]
      offsets.push(base + normalized.originOf(start), base + normalized.originOf(encoder.ends[i]))
    }
  }

  private allowed(allowed: 'all' | Iterable<string>): Literals {
    if (allowed === 'all') return this.allSpecial
    const names = [...allowed]
    for (const name of names)
      if (!this.specialTokens.has(name)) throw new SpecialTokenError(name, this.specialTokens.keys())
    return new Literals(names)
  }
}
