import { TrainingError } from '../errors'
import {
  defaultUnkSurface,
  llamaNormalizer,
  maxPieceLength,
  maxPieces,
  PieceType,
  type Vocabulary,
} from '../vocabulary'
import { Corpus, reservedPieces } from './corpus'
import { MergeSearch } from './merge-search'
import type { TrainingOptions } from './options'

/** For how many milliseconds training blocks the thread at a time. */
const turn = 50

/** What `trainTokenizer` does, up to the vocabulary. */
export async function trainVocabulary(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainingOptions,
): Promise<Vocabulary> {
  const { vocabSize, characterCoverage = 0.99995, maxPieceLength: longest = 16, maxSentenceLength = 4192 } = options
  const { removeExtraWhitespaces = false, onProgress, signal } = options
  requireInteger('vocabSize', vocabSize, 1, maxPieces)
  requireInteger('maxPieceLength', longest, 1, maxPieceLength)
  requireInteger('maxSentenceLength', maxSentenceLength, 1, Number.MAX_SAFE_INTEGER)
  if (!(characterCoverage > 0 && characterCoverage <= 1))
    throw new TrainingError(`characterCoverage is ${characterCoverage}, expected a number above 0 and at most 1`)

  const normalizer = { ...llamaNormalizer, removeExtraWhitespaces }
  const corpus = new Corpus(normalizer, maxSentenceLength)
  const merged: string[] = []
  let turnStart = performance.now()
  const report = (pieces: number) =>
    onProgress?.({ sentences: corpus.sentences, skipped: corpus.skipped, pieces, vocabSize })
  const isTurnOver = () => performance.now() - turnStart >= turn
  /** Lets other work run. */
  const rest = async (pieces: number) => {
    report(pieces)
    await new Promise<void>(resolve => setTimeout(resolve))
    signal?.throwIfAborted()
    turnStart = performance.now()
  }

  signal?.throwIfAborted()
  for await (const text of texts)
    for (const sentence of text.split('\n')) {
      corpus.add(sentence)
      if (isTurnOver()) await rest(0)
    }
  const alphabet = corpus.alphabet(characterCoverage)
  const reserved = reservedPieces.length + alphabet.length
  if (reserved > vocabSize)
    throw new TrainingError(
      `vocabSize is ${vocabSize}, but the reserved pieces and characters are ${reserved}: raise it, or lower characterCoverage`,
    )
  const search = new MergeSearch(alphabet, longest)
  for (const _ of search.read(corpus.entries())) if (isTurnOver()) await rest(reserved)
  while (reserved + merged.length < vocabSize) {
    const piece = search.next()
    if (piece === undefined)
      throw new TrainingError(`the corpus gives ${reserved + merged.length} pieces, lower vocabSize from ${vocabSize}`)
    merged.push(piece)
    if (isTurnOver()) await rest(reserved + merged.length)
  }
  report(vocabSize)

  const pieces = [...reservedPieces, ...merged, ...alphabet]
  const [unkId, bosId, eosId] = [0, 1, 2]
  return {
    pieces,
    scores: Float32Array.from(pieces, (_, id) => (id < reservedPieces.length ? 0 : -(id - reservedPieces.length))),
    types: Uint8Array.from(pieces, (_, id) =>
      id >= reservedPieces.length
        ? PieceType.normal
        : id > eosId
          ? PieceType.byte
          : id === unkId
            ? PieceType.unknown
            : PieceType.control,
    ),
    unkId,
    bosId,
    eosId,
    padId: undefined,
    byteFallback: true,
    unkSurface: defaultUnkSurface,
    normalizer,
  }
}

function requireInteger(option: string, value: number, least: number, most: number) {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new TrainingError(`${option} is ${value}, expected an integer from ${least} to ${most}`)
}
