import { PieceType, type Tokenizer, trainTokenizer } from '@cria/tokenizer'
import type { MergeStep, Merges } from '../types'
import { story } from './story'

let trained: Promise<Tokenizer> | undefined

/** A small tokenizer, trained here and now, for a page without a model. */
export const storyTokenizer = (): Promise<Tokenizer> => {
  trained ??= trainTokenizer([story], { vocabSize: 480 })
  return trained
}

/** The steps in which a tokenizer makes pieces of a text's characters. */
export const merges = async (text: string): Promise<Merges> => {
  const tokenizer = await storyTokenizer()
  const { vocabulary } = tokenizer
  const ranks = mergeRanks(tokenizer)
  let pieces = Array.from(` ${text}`.replaceAll(' ', '▁'))
  const steps: MergeStep[] = []
  for (;;) {
    const merge = bestPair(pieces, ranks)
    steps.push({ pieces, merge: merge?.at, rank: merge?.rank })
    if (!merge) break
    pieces = [...pieces.slice(0, merge.at), pieces[merge.at] + pieces[merge.at + 1], ...pieces.slice(merge.at + 2)]
  }
  return { steps, ids: Array.from(tokenizer.encode(text)), vocabulary: vocabulary.pieces.length }
}

/** Pieces in the order that the trainer learned them, by their scores: 1 is the first. */
const mergeRanks = ({ vocabulary: { pieces, scores, types } }: Tokenizer): ReadonlyMap<string, number> => {
  const learned = Array.from(pieces.keys()).filter(
    id => types[id] === PieceType.normal && Array.from(pieces[id]).length > 1,
  )
  learned.sort((a, b) => scores[b] - scores[a])
  return new Map(learned.map((id, index) => [pieces[id], index + 1]))
}

const bestPair = (pieces: readonly string[], ranks: ReadonlyMap<string, number>) => {
  let best: { at: number; rank: number } | undefined
  for (let at = 0; at + 1 < pieces.length; at++) {
    const rank = ranks.get(pieces[at] + pieces[at + 1])
    if (rank !== undefined && (!best || rank < best.rank)) best = { at, rank }
  }
  return best
}
