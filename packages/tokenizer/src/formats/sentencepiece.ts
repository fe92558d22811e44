import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import { Tokenizer } from '../tokenizer'
import {
  defaultUnkSurface,
  llamaNormalizer,
  maxPieces,
  type NormalizerFlags,
  PieceType,
  type SentencePieceRemainder,
  type Vocabulary,
} from '../vocabulary'
import { extendVocabulary, type TokenizerFiles } from './added-files'
import { concatenate, delimitedField, type Field, floatField, integerField, readMessage, stringField } from './protobuf'
import { namedPieces, requireSentencePiece, unnamedPieces } from './requirements'

// Field numbers of sentencepiece_model.proto.
const model = { pieces: 1, trainerSpec: 2, normalizerSpec: 3, denormalizerSpec: 5 } as const
const piece = { piece: 1, score: 2, type: 3 } as const
const trainer = {
  modelType: 3,
  vocabSize: 4,
  treatWhitespaceAsSuffix: 24,
  byteFallback: 35,
  unkId: 40,
  bosId: 41,
  eosId: 42,
  padId: 43,
  unkSurface: 44,
  unkPiece: 45,
  bosPiece: 46,
  eosPiece: 47,
  padPiece: 48,
} as const
const normalizer = {
  name: 1,
  precompiledCharsmap: 2,
  addDummyPrefix: 3,
  removeExtraWhitespaces: 4,
  escapeWhitespaces: 5,
} as const

const modelTypes: Readonly<Record<number, string>> = { 1: 'unigram', 2: 'bpe', 3: 'word', 4: 'char' }
const bpe = 2

/**
 * Reads a SentencePiece `.model` file (a `sentencepiece.ModelProto`) of a BPE model.
 *
 * @param bytes the file
 * @param options `name`: the file's name, for errors; `config`, `specialTokensMap` and `addedTokens`: the files next to it
 * @throws {TokenizerFormatError} for a file that is not such a message, or whose vocabulary contradicts itself
 * @throws {UnsupportedTokenizerError} for a unigram, word or char model, and for one with a denormaliser
 */
export function readSentencePiece(
  bytes: Uint8Array,
  { name = 'tokenizer.model', ...files }: { name?: string } & TokenizerFiles = {},
): Tokenizer {
  const pieces: string[] = []
  const scores: number[] = []
  const types: number[] = []
  const pieceFields = new Map<number, Uint8Array>()
  const trainerSpecs: Uint8Array[] = []
  const normalizerSpecs: Uint8Array[] = []
  const otherFields: Uint8Array[] = []
  // A Buffer of Node's is slow to take parts of.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (const field of readMessage(name, 'the model', plain)) {
    if (field.number === model.pieces) {
      if (pieces.length === maxPieces) throw new TokenizerFormatError(name, `more than ${maxPieces} pieces`)
      const read = readPiece(name, `piece ${pieces.length}`, field.bytes())
      if (read.others.length > 0) pieceFields.set(pieces.length, concatenate(read.others))
      pieces.push(read.text)
      scores.push(read.score)
      types.push(read.type)
    } else if (field.number === model.trainerSpec) trainerSpecs.push(field.bytes())
    else if (field.number === model.normalizerSpec) normalizerSpecs.push(field.bytes())
    else {
      if (field.number === model.denormalizerSpec) refuseRules(name, field)
      otherFields.push(field.raw)
    }
  }
  // A message that comes in parts is its parts one after the other.
  const sentencePiece: SentencePieceRemainder = {
    trainerSpec: concatenate(trainerSpecs),
    normalizerSpec: concatenate(normalizerSpecs),
    otherFields: concatenate(otherFields),
    pieceFields,
  }
  const list = {
    pieces: unnamedPieces(pieces, types),
    scores: Float32Array.from(scores),
    types: Uint8Array.from(types),
  }
  const vocabulary = { ...list, ...readSpecs(name, list, sentencePiece), sentencePiece }
  return new Tokenizer(extendVocabulary(vocabulary, files), { name })
}

/** What a file says of its list of pieces. */
function readSpecs(
  file: string,
  { pieces, types }: Pick<Vocabulary, 'pieces' | 'types'>,
  { trainerSpec, normalizerSpec }: SentencePieceRemainder,
) {
  const spec = readTrainerSpec(file, trainerSpec)
  const control = (text: string) => {
    const id = pieces.indexOf(text)
    return types[id] === PieceType.control ? id : undefined
  }
  return {
    unkId: types.indexOf(PieceType.unknown),
    bosId: control(spec.bosPiece),
    eosId: control(spec.eosPiece),
    padId: control(spec.padPiece),
    byteFallback: spec.byteFallback,
    unkSurface: spec.unkSurface,
    normalizer: readNormalizerSpec(file, normalizerSpec, spec.treatWhitespaceAsSuffix),
  }
}

/**
 * Writes a SentencePiece `.model` file. A file that was read is written as it was, fields unknown here too; of a
 * vocabulary that was changed since, the new values follow the old ones, because the last value counts.
 */
export function writeSentencePiece({ vocabulary }: Tokenizer): Uint8Array {
  requireSentencePiece('tokenizer.model', vocabulary)
  const remainder = remainderOf(vocabulary)
  const pieces = namedPieces(vocabulary).map((text, id) => {
    const type = vocabulary.types[id]
    const fields = [stringField(piece.piece, text), floatField(piece.score, vocabulary.scores[id])]
    if (type !== PieceType.normal) fields.push(integerField(piece.type, type))
    return delimitedField(model.pieces, concatenate([...fields, remainder.pieceFields.get(id) ?? new Uint8Array(0)]))
  })
  return concatenate([
    ...pieces,
    delimitedField(model.trainerSpec, remainder.trainerSpec),
    delimitedField(model.normalizerSpec, remainder.normalizerSpec),
    remainder.otherFields,
  ])
}

function remainderOf(vocabulary: Vocabulary): SentencePieceRemainder {
  const { sentencePiece } = vocabulary
  const trainerSpec = trainerSpecOf(vocabulary)
  const normalizerSpec = normalizerSpecOf(vocabulary.normalizer)
  if (sentencePiece === undefined)
    return { trainerSpec, normalizerSpec, otherFields: new Uint8Array(0), pieceFields: new Map() }
  const said = { ...vocabulary, ...readSpecs('vocabulary', vocabulary, sentencePiece) }
  return {
    ...sentencePiece,
    trainerSpec: withChanges(sentencePiece.trainerSpec, trainerSpecOf(said), trainerSpec),
    normalizerSpec: withChanges(sentencePiece.normalizerSpec, normalizerSpecOf(said.normalizer), normalizerSpec),
  }
}

/** A message as it was, and if it said something else then than now, what there is to say behind it: the last one counts. */
const withChanges = (message: Uint8Array, then: Uint8Array, now: Uint8Array) =>
  then.length === now.length && then.every((byte, i) => byte === now[i]) ? message : concatenate([message, now])

function readPiece(file: string, where: string, bytes: Uint8Array) {
  let text = ''
  let score = 0
  let type: number = PieceType.normal
  const others: Uint8Array[] = []
  for (const field of readMessage(file, where, bytes)) {
    if (field.number === piece.piece) text = field.string()
    else if (field.number === piece.score) score = field.float()
    else if (field.number === piece.type) type = field.int32()
    else others.push(field.raw)
  }
  // Types are kept as bytes: what does not fit is as unknown as 0 is.
  return { text, score, type: type >= 0 && type <= 255 ? type : 0, others }
}

function readTrainerSpec(file: string, bytes: Uint8Array) {
  const spec = {
    modelType: 1,
    treatWhitespaceAsSuffix: false,
    byteFallback: false,
    unkSurface: defaultUnkSurface,
    bosPiece: '<s>',
    eosPiece: '</s>',
    padPiece: '<pad>',
  }
  for (const field of readMessage(file, 'trainer_spec', bytes)) {
    if (field.number === trainer.modelType) spec.modelType = field.int32()
    else if (field.number === trainer.treatWhitespaceAsSuffix) spec.treatWhitespaceAsSuffix = field.bool()
    else if (field.number === trainer.byteFallback) spec.byteFallback = field.bool()
    else if (field.number === trainer.unkSurface) spec.unkSurface = field.string()
    else if (field.number === trainer.bosPiece) spec.bosPiece = field.string()
    else if (field.number === trainer.eosPiece) spec.eosPiece = field.string()
    else if (field.number === trainer.padPiece) spec.padPiece = field.string()
  }
  if (spec.modelType !== bpe)
    throw new UnsupportedTokenizerError(
      file,
      `the model is of type ${modelTypes[spec.modelType] ?? spec.modelType}, expected bpe, which is what LLaMA uses`,
    )
  return spec
}

function readNormalizerSpec(file: string, bytes: Uint8Array, whitespaceAsSuffix: boolean): NormalizerFlags {
  // The defaults of sentencepiece_model.proto.
  const spec = {
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
    charsMap: llamaNormalizer.charsMap,
  }
  for (const field of readMessage(file, 'normalizer_spec', bytes)) {
    if (field.number === normalizer.precompiledCharsmap) spec.charsMap = field.bytes().slice()
    else if (field.number === normalizer.addDummyPrefix) spec.addDummyPrefix = field.bool()
    else if (field.number === normalizer.removeExtraWhitespaces) spec.removeExtraWhitespaces = field.bool()
    else if (field.number === normalizer.escapeWhitespaces) spec.escapeWhitespaces = field.bool()
  }
  return { ...spec, whitespaceAsSuffix }
}

/** A denormaliser without rules does nothing; one with rules would change what decoding gives. */
function refuseRules(file: string, field: Field) {
  if (readNormalizerSpec(file, field.bytes(), false).charsMap.length > 0)
    throw new UnsupportedTokenizerError(file, 'the model rewrites decoded text (denormalizer_spec)')
}

function trainerSpecOf({ pieces, unkId, bosId, eosId, padId, byteFallback, unkSurface, normalizer }: Vocabulary) {
  /** An id and its piece. Without such a token, a name that no piece has. */
  const role = (idField: number, pieceField: number, id: number | undefined) => [
    ...(id === undefined ? [] : [integerField(idField, id)]),
    stringField(pieceField, id === undefined ? '' : pieces[id]),
  ]
  return concatenate([
    integerField(trainer.modelType, bpe),
    integerField(trainer.vocabSize, pieces.length),
    integerField(trainer.treatWhitespaceAsSuffix, Number(normalizer.whitespaceAsSuffix)),
    integerField(trainer.byteFallback, Number(byteFallback)),
    ...role(trainer.unkId, trainer.unkPiece, unkId),
    ...role(trainer.bosId, trainer.bosPiece, bosId),
    ...role(trainer.eosId, trainer.eosPiece, eosId),
    ...(padId === undefined ? [] : role(trainer.padId, trainer.padPiece, padId)),
    stringField(trainer.unkSurface, unkSurface),
  ])
}

const normalizerSpecOf = (flags: NormalizerFlags) =>
  concatenate([
    stringField(normalizer.name, flags.charsMap.length === 0 ? 'identity' : 'user_defined'),
    delimitedField(normalizer.precompiledCharsmap, flags.charsMap),
    integerField(normalizer.addDummyPrefix, Number(flags.addDummyPrefix)),
    integerField(normalizer.removeExtraWhitespaces, Number(flags.removeExtraWhitespaces)),
    integerField(normalizer.escapeWhitespaces, Number(flags.escapeWhitespaces)),
  ])
