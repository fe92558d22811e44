import { type AddedToken, AddedTokens } from './added-tokens'
import { BytePairEncoder } from './bpe'
import { ByteLevelEncoder } from './byte-level'
import { CharsMap } from './charsmap'
import { type Explanation, explainMerges } from './explain'
import { Literals } from './literals'
import { Normalizer } from './normalizer'
import { type Split, splitOf } from './splits'
import { characterSource, meta } from './symbols'
import { normalizeBySteps, type TextRules } from './text-rules'
import { PieceType, type Vocabulary } from './vocabulary'

/** Turns text without added tokens (except those of the normalised text) into tokens. */
export interface Codec {
  /** Where the tokens go. */
  readonly tokens: BytePairEncoder
  /**
   * Appends the tokens of `part`.
   *
   * @param base where the part starts in the whole text
   * @param wanted which tokens are recognised in the text
   * @param offsets where given, start and end in the whole text are appended for each token
   */
  encode(part: string, base: number, wanted: Wanted, offsets: number[] | undefined): void
  /** How the words of a text are merged; no token is recognised in it. */
  explain(text: string): Explanation[]
}

/** Which tokens are recognised in a text. */
export interface Wanted {
  readonly userDefined: boolean
  added(token: AddedToken): boolean
}

/** Encodes words independently of each other. */
interface Words {
  encode(text: string, from: number, to: number): void
}

export const codecOf = (vocabulary: Vocabulary, file: string): Codec =>
  vocabulary.rules === undefined
    ? new SentencePieceCodec(vocabulary, file)
    : new RulesCodec(vocabulary, vocabulary.rules, file)

/** Encodes like SentencePiece: normaliser, then user-defined pieces, then merges in the rest of the text. */
class SentencePieceCodec implements Codec {
  readonly tokens: BytePairEncoder
  private readonly normalizer: Normalizer
  private readonly userDefined: Literals
  private readonly userDefinedIds: ReadonlyMap<string, number>

  constructor(vocabulary: Vocabulary, file: string) {
    const { pieces, types, normalizer } = vocabulary
    const source = characterSource(vocabulary)
    this.tokens = new BytePairEncoder(vocabulary, source, file)
    const added = new Set(vocabulary.added?.map(({ id }) => id))
    this.userDefinedIds = new Map(
      pieces.flatMap((piece, id) => (types[id] === PieceType.userDefined && !added.has(id) ? [[piece, id]] : [])),
    )
    this.userDefined = new Literals(this.userDefinedIds.keys(), source.space)
    this.normalizer = new Normalizer(
      normalizer,
      normalizer.charsMap.length > 0 ? new CharsMap(file, normalizer.charsMap) : undefined,
      new Literals(this.userDefinedIds.keys()),
    )
  }

  encode(part: string, base: number, { userDefined }: Wanted, offsets: number[] | undefined): void {
    const { tokens } = this
    const first = tokens.count
    const { text, originOf } = this.normalizer.normalize(part, userDefined)
    let done = 0
    for (const { at, text: piece } of userDefined ? this.userDefined.matches(text) : []) {
      tokens.encode(text, done, at)
      done = at + piece.length
      tokens.append(this.userDefinedIds.get(piece) as number, done)
    }
    tokens.encode(text, done, text.length)
    if (offsets !== undefined) putOffsets(tokens, first, at => base + originOf(at), 0, offsets)
  }

  explain(original: string): Explanation[] {
    const { text } = this.normalizer.normalize(original, false)
    return text === '' ? [] : [explained(this.tokens, text)]
  }
}

/** Encodes like Hugging Face's tokenizers. */
class RulesCodec implements Codec {
  readonly tokens: BytePairEncoder
  private readonly added: AddedTokens
  private readonly bytes: ByteLevelEncoder | undefined
  private readonly splits: readonly Split[]

  constructor(
    vocabulary: Vocabulary,
    private readonly rules: TextRules,
    file: string,
  ) {
    this.bytes = rules.byteLevel ? new ByteLevelEncoder(vocabulary, rules.ignoreMerges, file) : undefined
    this.tokens = this.bytes?.tokens ?? new BytePairEncoder(vocabulary, characterSource(vocabulary), file)
    this.splits = rules.splits.map(splitOf)
    this.added = new AddedTokens(
      (vocabulary.added ?? []).filter(token => token.normalized),
      token => {
        const { text } = normalizeBySteps(rules.normalizers, token.content)
        return rules.escapesSpaces ? text.replaceAll(' ', '▁') : text
      },
      rules.escapesSpaces ? meta : 0x20,
    )
  }

  encode(part: string, base: number, wanted: Wanted, offsets: number[] | undefined): void {
    const { tokens, rules, added } = this
    const words = this.bytes ?? tokens
    const { text, originOf } = normalizeBySteps(rules.normalizers, part.toWellFormed())
    for (const { from, to, token } of added.split(text, each => wanted.added(each))) {
      const first = tokens.count
      if (token !== undefined) tokens.append(token.id, to)
      else if (this.needsPrefix(text, from, base + originOf(from) === 0)) {
        this.cut(` ${text.slice(from, to)}`, 0, to - from + 1, words)
        for (let i = first; i < tokens.count; i++) tokens.ends[i] = Math.max(from, tokens.ends[i] + from - 1)
      } else this.cut(text, from, to, words)
      if (offsets !== undefined) putOffsets(tokens, first, at => base + originOf(at), from, offsets)
    }
  }

  explain(original: string): Explanation[] {
    const { tokens, bytes } = this
    const found: Explanation[] = []
    const words: Words = {
      encode: (text, from, to) => {
        const word = text.slice(from, to)
        found.push(bytes === undefined ? explained(tokens, word) : bytes.explain(word))
      },
    }
    const { text } = normalizeBySteps(this.rules.normalizers, original.toWellFormed())
    if (text === '') return []
    const prefixed = this.needsPrefix(text, 0, true) ? ` ${text}` : text
    this.cut(prefixed, 0, prefixed.length, words)
    return found
  }

  /** Whether a space goes before the text that starts at `from`; a `▁` is a space where spaces become one. */
  private needsPrefix(text: string, from: number, isFirst: boolean): boolean {
    const { metaspace, prefixSpace } = this.rules
    const unit = text.charCodeAt(from)
    if (metaspace === undefined) return prefixSpace && unit !== 0x20
    const { prepend } = metaspace
    return (prepend === 'always' || (prepend === 'first' && isFirst)) && unit !== 0x20 && unit !== meta
  }

  /** Cuts text into words. */
  private cut(text: string, from: number, to: number, words: Words) {
    if (this.rules.metaspace?.split !== true) {
      this.split(0, text, from, to, words)
      return
    }
    let start = from
    for (let at = from + 1; at < to; at++) {
      const unit = text.charCodeAt(at)
      if (unit !== 0x20 && unit !== meta) continue
      words.encode(text, start, at)
      start = at
    }
    words.encode(text, start, to)
  }

  private split(level: number, text: string, from: number, to: number, words: Words) {
    const { splits } = this
    if (level === splits.length) {
      words.encode(text, from, to)
      return
    }
    const split = splits[level]
    for (let at = from; at < to; ) {
      const end = split(text, at, to)
      this.split(level + 1, text, at, end, words)
      at = end
    }
  }
}

/** A text that is merged by characters. */
function explained({ symbols }: BytePairEncoder, text: string): Explanation {
  const show = (part: string) => (symbols.space === meta ? part.replaceAll(' ', '▁') : part)
  return { text: show(text), ...explainMerges(symbols, text, show), isWhole: false }
}

/** @param from where in the normalised text the tokens from `first` on start */
function putOffsets(
  tokens: BytePairEncoder,
  first: number,
  originOf: (at: number) => number,
  from: number,
  offsets: number[],
) {
  for (let i = first; i < tokens.count; i++) {
    const start = i === first ? from : tokens.ends[i - 1]
    offsets.push(originOf(start), originOf(tokens.ends[i]))
  }
}
