import { AddedTokens, addedToken } from './added-tokens'
import { type Codec, codecOf, type Wanted } from './codec'
import { type DecodeOptions, DecodingTable, TokenDecoder } from './decoder'
import { ExplanationError, SpecialTokenError, TokenIdError } from './errors'
import { type Explanation, maxExplained } from './explain'
import { checkVocabulary, PieceType, type Vocabulary } from './vocabulary'

export interface EncodeOptions {
  /** Put BOS before the tokens of the text. Default false. */
  readonly bos?: boolean | undefined
  /** Put EOS after them. Default false. */
  readonly eos?: boolean | undefined
  /**
   * Special (control) tokens to recognise by name in the text: none by default, so that text is always plain text;
   * all, or those that are named. The parts between them are encoded separately.
   */
  readonly special?: boolean | Iterable<string> | undefined
  /**
   * Recognise the added tokens and user-defined pieces that are not special, which files state as part of the text.
   * Default true. Without them, untrusted text cannot contain a tag that the file does not call special.
   */
  readonly added?: boolean | undefined
}

/** Tokens, and the place of each in the text. */
export interface EncodingWithOffsets {
  readonly ids: Uint32Array
  /**
   * Two numbers a token: start and end in the text, in UTF-16 code units, so that `text.slice(start, end)` is what the
   * token stands for. BOS, EOS and a lone dummy prefix stand for nothing; of the bytes of one character the last
   * stands for all of it.
   */
  readonly offsets: Uint32Array
}

/** Names of tokens that always end a text or a message. */
const endNames = ['<|end_of_text|>', '<|endoftext|>', '<|eot_id|>', '<|eom_id|>', '<|im_end|>']

/**
 * A byte-pair tokenizer of the LLaMA family, with the same ids for every text as the original program:
 * SentencePiece, Hugging Face's tokenizers, or tiktoken. Immutable.
 *
 * Text is read as UTF-16; a lone surrogate counts as U+FFFD.
 */
export class Tokenizer {
  /** One more than the largest id. A model may have more rows than that, or fewer. */
  readonly vocabSize: number
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly unkId: number | undefined
  readonly padId: number | undefined
  /** Whether a text is to begin with BOS: what the file says, else true for SentencePiece's kind that has one. */
  readonly addsBos: boolean
  /** Whether a text is to end with EOS. Files rarely say so. */
  readonly addsEos: boolean
  /** The tokens that end a text or a message: EOS, and those that the file or their names say. */
  readonly endIds: readonly number[]
  /** The names and ids of the control tokens, which `special` allows in text. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** The names of the other added tokens and user-defined pieces, which text may become unless `added` is false. */
  readonly addedTokens: readonly string[]
  /** The ids below `vocabSize` that have no piece. They decode to nothing, and text never becomes one. */
  readonly gaps: readonly number[]
  private readonly added: AddedTokens
  private readonly codec: Codec
  private readonly table: DecodingTable
  private readonly idOf: ReadonlyMap<string, number>
  private readonly hasOrdinary: boolean

  /**
   * @param vocabulary what the tokenizer is made of
   * @param options `name`: the vocabulary's name, for errors
   * @throws {TokenizerFormatError} for a vocabulary that contradicts itself
   * @throws {UnsupportedTokenizerError} if BOS is an ordinary piece, or pieces can be made in too many ways
   */
  constructor(
    readonly vocabulary: Vocabulary,
    { name = 'vocabulary' }: { readonly name?: string } = {},
  ) {
    const { pieces, types, rules, added = [] } = checkVocabulary(name, vocabulary)
    this.vocabSize = pieces.length
    this.bosId = vocabulary.bosId
    this.eosId = vocabulary.eosId
    this.unkId = vocabulary.unkId
    this.padId = vocabulary.padId
    this.addsBos = this.bosId !== undefined && (vocabulary.addBos ?? !rules?.byteLevel)
    this.addsEos = this.eosId !== undefined && (vocabulary.addEos ?? false)
    this.gaps = pieces.flatMap((piece, id) => (piece === '' ? [id] : []))
    this.idOf = new Map(pieces.flatMap((piece, id) => (piece === '' ? [] : [[piece, id]])))
    this.specialTokens = new Map([...this.idOf].filter(([, id]) => types[id] === PieceType.control))
    const named = endNames.flatMap(end => this.specialTokens.get(end) ?? [])
    const stated = [this.eosId, vocabulary.eotId, vocabulary.eomId].filter(id => id !== undefined)
    this.endIds = [...new Set([...stated, ...named])]

    const stating = new Map(added.map(token => [token.id, token]))
    const tokens = [...this.specialTokens].map(([piece, id]) => stating.get(id) ?? addedToken(id, piece))
    const ordinary = added.filter(({ id }) => types[id] !== PieceType.control)
    tokens.push(...ordinary)
    const defined = pieces.filter((_, id) => types[id] === PieceType.userDefined)
    this.addedTokens = [...new Set([...defined, ...ordinary.map(({ content }) => content)])]
    // Tokens of the normalised text are searched there.
    this.added = new AddedTokens(tokens.filter(token => rules === undefined || !token.normalized))
    this.hasOrdinary = this.added.some(token => !token.special)
    this.codec = codecOf(vocabulary, name)
    this.table = new DecodingTable(vocabulary)
  }

  /**
   * The tokens of a text. Takes O(n log n) time for n characters, whatever they are.
   *
   * @throws {SpecialTokenError} where `special` names a token that the vocabulary lacks, or there is no BOS or EOS to put
   * @throws {UnsupportedTokenizerError} where a replacement rule of the model's would match without end
   */
  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    this.run(text, options)
    return this.tokens()
  }

  /** The tokens of each text. */
  encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): Uint32Array[] {
    return Array.from(texts, text => this.encode(text, options))
  }

  /** How many tokens `encode` would return. */
  countTokens(text: string, options: EncodeOptions = {}): number {
    this.run(text, options)
    return this.codec.tokens.count
  }

  /** The tokens of a text, and where in it they stand. */
  encodeWithOffsets(text: string, options: EncodeOptions = {}): EncodingWithOffsets {
    const offsets: number[] = []
    this.run(text, options, offsets)
    return { ids: this.tokens(), offsets: Uint32Array.from(offsets) }
  }

  /**
   * The text of tokens. Control tokens have none unless `special` asks for it; bytes that are not UTF-8 become U+FFFD.
   *
   * @throws {TokenIdError} for an id that the vocabulary does not have
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const decoder = this.decoder(options)
    let text = ''
    for (const id of ids) text += decoder.push(id)
    return text + decoder.end()
  }

  /** A decoder for tokens that come one at a time. */
  decoder(options: DecodeOptions = {}): TokenDecoder {
    return new TokenDecoder(this.table, options)
  }

  /**
   * How text becomes pieces, merge by merge, by the definition of byte-pair encoding: for teaching, not for speed. Special
   * tokens in the text are not recognised.
   *
   * @throws {ExplanationError} for a text of more than 1000 code units
   */
  explain(text: string): Explanation[] {
    if (text.length > maxExplained) throw new ExplanationError(text.length, maxExplained)
    return this.codec.explain(text)
  }

  /** Whether an id is a special (control) token, such as BOS. */
  isSpecial(id: number): boolean {
    return this.vocabulary.types[id] === PieceType.control
  }

  /** The id of a piece as files write it, or `undefined`. */
  pieceToId(piece: string): number | undefined {
    return this.idOf.get(piece)
  }

  /**
   * The piece of an id as files write it; nothing for one of `gaps`.
   *
   * @throws {TokenIdError} for an id that the vocabulary does not have
   */
  idToPiece(id: number): string {
    const piece = this.vocabulary.pieces[id]
    if (piece === undefined) throw new TokenIdError(id, this.vocabSize)
    return piece
  }

  private tokens(): Uint32Array {
    const { ids, count } = this.codec.tokens
    return ids.slice(0, count)
  }

  /** Leaves the tokens in the encoder, and appends where they stand to `offsets` where that is given. */
  private run(text: string, options: EncodeOptions, offsets?: number[]) {
    const { bos = false, eos = false } = options
    const { tokens } = this.codec
    const wanted = this.wanted(options)
    tokens.clear()
    if (bos) this.putToken(this.idOfRole('bos', this.bosId), 0, 0, offsets)
    if (this.hasOrdinary || options.special) {
      for (const { from, to, token } of this.added.split(text, wanted.added)) {
        if (token !== undefined) this.putToken(token.id, from, to, offsets)
        else this.codec.encode(text.slice(from, to), from, wanted, offsets)
      }
    } else this.codec.encode(text, 0, wanted, offsets)
    if (eos) this.putToken(this.idOfRole('eos', this.eosId), text.length, text.length, offsets)
  }

  private idOfRole(role: string, id: number | undefined): number {
    if (id === undefined) throw new SpecialTokenError(role, this.specialTokens.keys())
    return id
  }

  private putToken(id: number, start: number, end: number, offsets: number[] | undefined) {
    this.codec.tokens.append(id, end)
    offsets?.push(start, end)
  }

  private wanted({ special = false, added = true }: EncodeOptions): Wanted {
    const names = typeof special === 'boolean' ? undefined : new Set(special)
    for (const name of names ?? [])
      if (!this.specialTokens.has(name)) throw new SpecialTokenError(name, this.specialTokens.keys())
    const isNamed = (content: string) => (names === undefined ? special === true : names.has(content))
    return { userDefined: added, added: token => (token.special ? isNamed(token.content) : added) }
  }
}
