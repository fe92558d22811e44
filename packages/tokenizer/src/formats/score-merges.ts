import { isMergeable, PieceType, type Vocabulary } from '../vocabulary'

/**
 * The score of every piece by the position of its merges in the list, if SentencePiece with these scores merges as the list does;
 * `undefined` if not. The list has no scores, so the order of the original scores is restored, but not their values.
 */
export function scoresOfMerges(vocabulary: Vocabulary, list: Uint32Array): Float32Array | undefined {
  const { pieces, types } = vocabulary
  const scores = new Float32Array(pieces.length)
  const merges = Array.from({ length: list.length / 3 }, (_, i) => ({
    left: pieces[list[3 * i]],
    right: pieces[list[3 * i + 1]],
    id: list[3 * i + 2],
  }))
  const named = new Set(merges.map(({ left, right }) => `${left} ${right}`))
  let ways = 0
  for (const { left, right } of splits(vocabulary)) {
    if (!named.has(`${left} ${right}`)) return undefined
    ways++
  }
  // A merge whose two parts do not spell the piece would be lost.
  if (ways !== merges.length) return undefined
  const last = new Map(merges.map(({ id }, i) => [id, i]))
  let order = 0
  for (let start = 0, end: number; start < merges.length; start = end) {
    // Merges that make one piece are neighbours, and so are those of pieces of equal score: the merge that starts such
    // a run is the last of them.
    end = start + 1
    for (let i = start; i < end; i++) end = Math.max(end, (last.get(merges[i].id) as number) + 1)
    const made = new Set(merges.slice(start, end).map(({ id }) => id))
    const after = merges[end]
    if (made.size > 1 && after !== undefined && after.left === after.right) {
      made.add(after.id)
      end++
    }
    if (made.size > 1 && !(isRun(made, pieces) && growsFirst(merges.slice(start, end)))) return undefined
    for (const id of made) scores[id] = -order
    order++
  }
  for (let id = 0; id < pieces.length; id++) if (types[id] === PieceType.normal && !last.has(id)) scores[id] = -order++
  return scores
}

/**
 * The merges as files list them, two pieces with a space between.
 *
 * @param refuse makes the error for a vocabulary whose merges no list can say
 */
export function mergeTexts(vocabulary: Vocabulary, refuse: (problem: string) => Error): string[] {
  const { pieces, merges } = vocabulary
  if (merges === undefined) return mergesOfScores(vocabulary, refuse)
  return Array.from({ length: merges.length / 3 }, (_, i) => `${pieces[merges[3 * i]]} ${pieces[merges[3 * i + 1]]}`)
}

/**
 * Every way to make a piece of two others, in the order of scores.
 *
 * @param refuse makes the error for a vocabulary whose merges no list can say
 */
function mergesOfScores(vocabulary: Vocabulary, refuse: (problem: string) => Error): string[] {
  const { pieces, scores } = vocabulary
  const idOf = mergeableIds(vocabulary)
  for (const [piece] of idOf)
    for (const char of piece)
      if (!idOf.has(char)) throw refuse(`${JSON.stringify(char)} of ${JSON.stringify(piece)} is not a piece`)
  const merges = [...splits(vocabulary)].sort((a, b) => scores[b.id] - scores[a.id] || byLength(a, b))
  const ofScore = new Map<number, Set<number>>()
  for (const { id } of merges) ofScore.set(scores[id], (ofScore.get(scores[id]) ?? new Set()).add(id))
  for (const [score, ids] of ofScore)
    if (ids.size > 1 && !isRun(ids, pieces))
      throw refuse(
        `${[...ids]
          .slice(0, 4)
          .map(id => JSON.stringify(pieces[id]))
          .join(', ')} share the score ${score}`,
      )
  return merges.map(({ left, right }) => `${left} ${right}`)
}

interface Merge {
  readonly left: string
  readonly right: string
  readonly id: number
}

/**
 * Among equals SentencePiece merges the leftmost pair, Hugging Face's tokenizers the one that the list has first. The
 * two agree where the pieces are all the runs of one character up to some length (LLaMA's runs of spaces) and the list
 * has growing by one character before a new start: in both cases the leftmost run grows to its limit before the next one
 * starts.
 */
const isRun = (ids: ReadonlySet<number>, pieces: readonly string[]) => {
  const [char] = pieces[ids.values().next().value as number]
  const run = new Set(Array.from({ length: ids.size }, (_, i) => char.repeat(i + 2)))
  return [...ids].every(id => run.has(pieces[id]))
}

/** Whether the merge of two single characters comes after all those of a longer run with one more. */
const growsFirst = (merges: readonly Merge[]) => {
  const restart = merges.findIndex(({ left, right }) => left === right && left === [...left][0])
  return merges.slice(restart).every(({ left, right }) => left.length <= right.length || right !== [...right][0])
}

const byLength = (a: Merge, b: Merge) => b.left.length - a.left.length || b.right.length - a.right.length

const mergeableIds = ({ pieces, types }: Vocabulary): ReadonlyMap<string, number> =>
  new Map(pieces.flatMap((piece, id) => (isMergeable(types[id]) ? [[piece, id]] : [])))

/** Every way to make a piece of two pieces. */
function* splits(vocabulary: Vocabulary): Iterable<Merge> {
  const idOf = mergeableIds(vocabulary)
  for (const [piece, id] of idOf) {
    if (piece.includes(' ')) continue
    for (let cut = 1; cut < piece.length; cut++) {
      const left = piece.slice(0, cut)
      const right = piece.slice(cut)
      if (idOf.has(left) && idOf.has(right)) yield { left, right, id }
    }
  }
}
