import { type AddedToken, addedToken } from '../added-tokens'
import { bytesOfPiece } from '../byte-level'
import { Tokenizer } from '../tokenizer'
import {
  byteOf,
  checkVocabulary,
  defaultUnkSurface,
  llamaNormalizer,
  maxMerges,
  maxPieces,
  PieceType,
  type Vocabulary,
} from '../vocabulary'
import { extendVocabulary, type TokenizerFiles } from './added-files'
import { type Json, parseJson } from './json'
import { type PipelineOfJson, readPipeline, readTemplate } from './pipeline-json'
import { scoresOfMerges } from './score-merges'

const bosNames = ['<s>', '<|begin_of_text|>', '<|startoftext|>']
const eosNames = ['</s>', '<|end_of_text|>', '<|endoftext|>']

/**
 * Reads Hugging Face's `tokenizer.json` of a BPE model, by characters as LLaMA and LLaMA 2 have it, or by bytes as
 * GPT-2 and Llama 3. It encodes as Hugging Face's tokenizers do. `truncation` and `padding` say what to do with lists of
 * ids and are not read. BOS and EOS are what `post_processor` puts around a text, else the tokens with the usual names,
 * unless `config` says otherwise.
 *
 * @param bytes the file
 * @param options `name`: the file's name, for errors; `config`, `specialTokensMap` and `addedTokens`: the files next to it
 * @throws {TokenizerFormatError} for a file that is not a tokenizer.json, or contradicts itself
 * @throws {UnsupportedTokenizerError} that names the model, normaliser, pattern or merge that is not supported
 */
export function readTokenizerJson(
  bytes: Uint8Array,
  { name = 'tokenizer.json', ...files }: { name?: string } & TokenizerFiles = {},
): Tokenizer {
  const root = parseJson(name, bytes)
  const model = root.get('model')
  const type = model.get('type')
  if (!type.isNull && type.value !== 'BPE') throw type.refuse(`is ${type.shown}, expected "BPE"`)
  for (const option of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix']) {
    const { value } = model.get(option)
    if (value !== undefined && value !== null && value !== '' && value !== 0)
      throw model.refuse(`has ${option}, which is not supported`)
  }
  const pipeline = readPipeline(root, model.get('ignore_merges').boolean())
  const { rules } = pipeline
  if (rules.ignoreMerges && !rules.byteLevel) throw model.refuse('ignores merges without ByteLevel')

  const added = root.get('added_tokens').isNull ? [] : root.get('added_tokens').list()
  const tokens = added.map(readAddedToken)
  const pieces = readPieces(model.get('vocab'), added)
  const vocabulary = readVocabulary(root, pieces, tokens, pipeline)
  checkVocabulary(name, vocabulary)
  const merged = withMerges(vocabulary, model.get('merges'), pipeline)
  return new Tokenizer(extendVocabulary(merged, files), { name })
}

function readAddedToken(entry: Json): AddedToken {
  const flag = (key: string) => entry.get(key).boolean()
  return addedToken(entry.get('id').id(), entry.get('content').string(), {
    special: flag('special'),
    lstrip: flag('lstrip'),
    rstrip: flag('rstrip'),
    singleWord: flag('single_word'),
    normalized: flag('normalized'),
  })
}

/** The pieces by id; empty where there is none. */
function readPieces(vocab: Json, added: readonly Json[]): string[] {
  const entries = Object.keys(vocab.record()).map((piece): [string, Json] => [piece, vocab.get(piece)])
  const ids = new Map(entries.map(([piece, entry]) => [piece, entry.id()]))
  for (const token of added) {
    const content = token.get('content').string()
    const id = token.get('id')
    const known = ids.get(content)
    if (known !== undefined && known !== id.id())
      throw id.fail(`${known}, the id of ${JSON.stringify(content.slice(0, 80))}`)
    if (known === undefined) entries.push([content, id])
    ids.set(content, id.id())
  }
  const count = entries.reduce((most, [, entry]) => Math.max(most, entry.id() + 1), 0)
  const pieces: string[] = Array(count).fill('')
  for (const [piece, entry] of entries) {
    const id = entry.id()
    if (piece === '') throw entry.refuse('is the id of an empty piece')
    if (pieces[id] !== '') throw entry.fail(`an id other than that of ${JSON.stringify(pieces[id].slice(0, 80))}`)
    pieces[id] = piece
  }
  return pieces
}

/** Everything but the merges. */
function readVocabulary(
  root: Json,
  pieces: readonly string[],
  added: readonly AddedToken[],
  { rules, prefixes }: PipelineOfJson,
): Vocabulary {
  const model = root.get('model')
  const inModel = model.get('vocab').record()
  const bytePieces = pieces.filter(piece => byteOf(piece) >= 0)
  // Files with byte fallback but without byte pieces use `unk` for unknown characters.
  const byteFallback = !rules.byteLevel && model.get('byte_fallback').boolean() && bytePieces.length > 0
  const types = Uint8Array.from(pieces, piece => {
    if (piece === '') return PieceType.unused
    return byteFallback && byteOf(piece) >= 0 ? PieceType.byte : PieceType.normal
  })
  for (const { id, content, special } of added) {
    if (special) types[id] = PieceType.control
    else if (!Object.hasOwn(inModel, content)) types[id] = PieceType.userDefined
  }
  const unkId = readUnk(model.get('unk_token'), pieces, rules.byteLevel, byteFallback)
  if (unkId !== undefined) types[unkId] = PieceType.unknown
  if (unkId === undefined && !byteFallback && !rules.byteLevel)
    throw model.refuse('has no unk_token and falls back to no bytes: characters without a piece would vanish')

  const template = readTemplate(root)
  const named = (names: readonly string[]) => {
    const id = pieces.findIndex((piece, at) => names.includes(piece) && types[at] === PieceType.control)
    return id < 0 ? undefined : id
  }
  return {
    pieces,
    scores: new Float32Array(pieces.length),
    types,
    unkId,
    bosId: template?.before ?? named(bosNames),
    eosId: template?.after ?? named(eosNames),
    padId: named(['<pad>']),
    addBos: template && template.before !== undefined,
    addEos: template && template.after !== undefined,
    byteFallback,
    fuseUnk: byteFallback || model.get('fuse_unk').boolean() ? undefined : false,
    unkSurface: defaultUnkSurface,
    normalizer: {
      ...llamaNormalizer,
      addDummyPrefix: prefixes,
      escapeWhitespaces: !rules.byteLevel && (rules.escapesSpaces || rules.metaspace !== undefined),
    },
    added,
    rules,
  }
}

/**
 * The id of `unk`; none in a byte-level vocabulary that has all bytes, where nothing is unknown. One that falls back to
 * bytes has no use for it either, and transformers 5 does not name it: there it is the piece of that name.
 */
function readUnk(unkToken: Json, pieces: readonly string[], byteLevel: boolean, byteFallback: boolean) {
  if (unkToken.isNull) {
    const id = byteFallback ? pieces.indexOf('<unk>') : -1
    return id < 0 ? undefined : id
  }
  const id = pieces.indexOf(unkToken.string())
  if (id < 0) throw unkToken.fail('a piece of the vocabulary')
  if (!byteLevel) return id
  const bytes = new Set(pieces.flatMap(piece => (piece.length === 1 ? (bytesOfPiece(piece) ?? []) : [])))
  return bytes.size === 256 ? undefined : id
}

/** The vocabulary with its merges, or with the scores that say the same and the flags of SentencePiece, if they do. */
function withMerges(vocabulary: Vocabulary, list: Json, { rules, prefixes }: PipelineOfJson): Vocabulary {
  const merges = readMerges(list, vocabulary.pieces)
  if (rules.byteLevel) return { ...vocabulary, merges }
  const scores = scoresOfMerges(vocabulary, merges)
  const { added = [] } = vocabulary
  if (scores === undefined) return { ...vocabulary, merges }
  const [first, ...more] = rules.normalizers
  const isPlain =
    rules.escapesSpaces &&
    rules.metaspace === undefined &&
    more.length === 0 &&
    (first === undefined || prefixes) &&
    rules.stripsSpace === prefixes &&
    !added.some(token => token.normalized)
  return { ...vocabulary, scores, rules: isPlain ? undefined : rules }
}

/** The merges, three ids each. */
function readMerges(list: Json, pieces: readonly string[]): Uint32Array {
  const entries = list.value
  if (!Array.isArray(entries)) throw list.fail('a list')
  if (entries.length > maxMerges) throw list.refuse(`are ${entries.length}, at most ${maxMerges} are supported`)
  const idOf = new Map<string, number>()
  for (const [id, piece] of pieces.entries()) if (piece !== '') idOf.set(piece, id)
  const merges = new Uint32Array(3 * entries.length)
  const named = new Set<number>()
  for (let i = 0; i < entries.length; i++) {
    const [left, right] = pairOf(entries[i])
    const leftId = idOf.get(left)
    const rightId = idOf.get(right)
    const made = idOf.get(left + right)
    const pair = leftId === undefined || rightId === undefined ? -1 : leftId * maxPieces + rightId
    if (pair < 0 || made === undefined || named.has(pair))
      throw list.list()[i].fail('two pieces that make a third, not named before')
    named.add(pair)
    merges[3 * i] = leftId as number
    merges[3 * i + 1] = rightId as number
    merges[3 * i + 2] = made
  }
  return merges
}

/** The two pieces of a merge; empty texts, which are never pieces, for a value that is not a merge. */
function pairOf(entry: unknown): readonly [left: string, right: string] {
  if (typeof entry === 'string') {
    const at = entry.indexOf(' ')
    const right = entry.slice(at + 1)
    return at < 0 || right.includes(' ') ? ['', ''] : [entry.slice(0, at), right]
  }
  const [left, right, more] = Array.isArray(entry) ? entry : []
  return typeof left === 'string' && typeof right === 'string' && more === undefined ? [left, right] : ['', '']
}
