import { PieceType, type Vocabulary } from '../src/index'

/**
 * Byte-pair encoding by its definition, on strings and in quadratic time: the oracle. `text` is normalised, with `▁` for
 * spaces; the vocabulary has no user-defined and no unused pieces.
 */
export function referenceEncode({ pieces, scores, types, unkId, byteFallback }: Vocabulary, text: string): number[] {
  const idOf = new Map(pieces.flatMap((piece, id) => (types[id] === PieceType.normal ? [[piece, id]] : [])))
  const symbols = [...text]
  for (;;) {
    let best = -1
    let bestScore = Number.NEGATIVE_INFINITY
    for (let i = 0; i + 1 < symbols.length; i++) {
      const id = idOf.get(symbols[i] + symbols[i + 1])
      if (id === undefined || scores[id] <= bestScore) continue
      best = i
      bestScore = scores[id]
    }
    if (best < 0) break
    symbols.splice(best, 2, symbols[best] + symbols[best + 1])
  }
  const ids: number[] = []
  for (const symbol of symbols) {
    const id = idOf.get(symbol)
    if (id !== undefined) ids.push(id)
    else if (byteFallback) {
      for (const byte of new TextEncoder().encode(symbol))
        ids.push(pieces.indexOf(`<0x${byte.toString(16).padStart(2, '0').toUpperCase()}>`))
    } else if (unkId !== undefined && ids.at(-1) !== unkId) ids.push(unkId)
  }
  return ids
}

/** A vocabulary with these pieces after `unk`, BOS, EOS and, with byte fallback, the bytes. */
export function smallVocabulary(
  normal: readonly (readonly [piece: string, score: number])[],
  changes: Partial<Vocabulary> & { readonly extra?: readonly (readonly [piece: string, type: number])[] } = {},
): Vocabulary {
  const { extra = [], byteFallback = true, ...others } = changes
  const bytes = Array.from({ length: byteFallback ? 256 : 0 }, (_, byte) => byte)
  const names = bytes.map(byte => `<0x${byte.toString(16).padStart(2, '0').toUpperCase()}>`)
  const pieces = ['<unk>', '<s>', '</s>', ...names, ...normal.map(([piece]) => piece), ...extra.map(([piece]) => piece)]
  const types = [
    PieceType.unknown,
    PieceType.control,
    PieceType.control,
    ...names.map(() => PieceType.byte),
    ...normal.map(() => PieceType.normal),
    ...extra.map(([, type]) => type),
  ]
  const scores = [0, 0, 0, ...names.map(() => 0), ...normal.map(([, score]) => score), ...extra.map(() => 0)]
  return {
    pieces,
    scores: Float32Array.from(scores),
    types: Uint8Array.from(types),
    unkId: 0,
    bosId: 1,
    eosId: 2,
    padId: undefined,
    byteFallback,
    unkSurface: ' \u2047 ',
    normalizer: {
      addDummyPrefix: true,
      removeExtraWhitespaces: false,
      escapeWhitespaces: true,
      whitespaceAsSuffix: false,
      charsMap: new Uint8Array(0),
    },
    ...others,
  }
}

/**
 * The merges of a vocabulary as `transformers` has written them to tokenizer.json: by score, and among equal scores
 * piece by piece (since 4.31) or, before, by the ids of what is merged.
 */
export function transformersMerges({ pieces, scores, types }: Vocabulary, order: 'by piece' | 'by parts'): string[] {
  const idOf = new Map(pieces.flatMap((piece, id) => (types[id] === PieceType.normal ? [[piece, id]] : [])))
  const merges = [...idOf].flatMap(([piece, id]) =>
    Array.from({ length: piece.length - 1 }, (_, i) => ({
      id,
      left: idOf.get(piece.slice(0, i + 1)) ?? -1,
      right: idOf.get(piece.slice(i + 1)) ?? -1,
    })).filter(({ left, right }) => left >= 0 && right >= 0),
  )
  const among = (id: number) => (order === 'by piece' ? id : 0)
  return merges
    .sort((a, b) => scores[b.id] - scores[a.id] || among(a.id) - among(b.id) || a.left - b.left || a.right - b.right)
    .map(({ left, right }) => `${pieces[left]} ${pieces[right]}`)
}
