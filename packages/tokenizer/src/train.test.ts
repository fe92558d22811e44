import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import {
  readSentencePiece,
  TrainingError,
  type TrainingProgress,
  trainTokenizer,
  writeLlama2c,
  writeSentencePiece,
} from './index'

const reserved = 259

/** Pieces in the order of the trainer, by its definition, on strings: the oracle. */
function referencePieces(texts: readonly string[], count: number): string[] {
  const words = texts
    .flatMap(text => `▁${text}`.replaceAll(' ', '▁').match(/▁+[^▁]*|[^▁]+/g) ?? [])
    .map(word => [...word])
  const isPiece = (piece: string) => piece.length <= 16 && /^(▁+|▁?([a-z]+|[,.]+))$/.test(piece)
  const dropped = new Set<string>()
  const pieces: string[] = []
  while (pieces.length < count) {
    const counts = new Map<string, number>()
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`
        if (isPiece(word[i] + word[i + 1]) && !dropped.has(pair)) counts.set(pair, (counts.get(pair) ?? 0) + 1)
      }
    const [best] = [...counts].sort(
      ([a, countA], [b, countB]) =>
        countB - countA || a.length - b.length || (a.replace(' ', '') < b.replace(' ', '') ? -1 : 1),
    )
    if (best === undefined) break
    const [left, right] = best[0].split(' ')
    if (pieces.includes(left + right)) {
      dropped.add(best[0])
      continue
    }
    pieces.push(left + right)
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++)
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right)
  }
  return pieces
}

// Words too short for a pair of one symbol with itself to overlap, where SentencePiece counts in its own way.
const word = fc
  .array(fc.constantFrom('a', 'b', 'c', ',', '.', '7'), { minLength: 1, maxLength: 5 })
  .map(chars => chars.filter((char, i) => char !== chars[i - 1]).join(''))
const texts = fc.array(
  // Two spaces make a piece of spaces, which merges with no letters.
  fc
    .array(fc.tuple(word, fc.constantFrom(' ', '  ')), { minLength: 1, maxLength: 6 })
    .map(words => words.flat().join('').trimEnd()),
  { minLength: 1, maxLength: 30 },
)

test('the pieces are those of the definition, in its order', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 25 }), async (corpus, count) => {
      const expected = referencePieces(corpus, count)
      const alphabet = new Set(['▁', ...corpus.join('').replaceAll(' ', '')])
      const { vocabulary } = await trainTokenizer(corpus, {
        vocabSize: reserved + expected.length + alphabet.size,
        characterCoverage: 1,
      })
      expect(vocabulary.pieces.slice(reserved, -alphabet.size)).toEqual(expected)
      expect(new Set(vocabulary.pieces.slice(-alphabet.size))).toEqual(alphabet)
    }),
    { numRuns: 200 },
  )
})

const corpus = ['the llama ate the grass', 'a llama, the other llama: 1999', '', 'the   end\nof the llama']

test('a trained tokenizer is written and read back, in the order of its scores', async () => {
  const tokenizer = await trainTokenizer(corpus, { vocabSize: 290, characterCoverage: 1 })
  expect(tokenizer.vocabSize).toBe(290)
  expect([tokenizer.unkId, tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([0, 1, 2, undefined])
  const { sentencePiece, ...read } = readSentencePiece(writeSentencePiece(tokenizer)).vocabulary
  expect(read).toEqual(tokenizer.vocabulary)
  expect(writeLlama2c(tokenizer).length).toBeGreaterThan(0)
  for (const text of corpus) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  expect(Array.from(tokenizer.encode('the llama'), id => tokenizer.idToPiece(id))).toEqual(['▁the', '▁llama'])
  // Digits stay alone.
  expect(tokenizer.vocabulary.pieces.filter(piece => /\d./.test(piece) && !piece.startsWith('<'))).toEqual([])
})

test('texts may come one at a time, and their cut is that of their lines', async () => {
  async function* later() {
    for (const text of corpus) yield text
  }
  const options = { vocabSize: 285, characterCoverage: 1 }
  const expected = await trainTokenizer(corpus, options)
  expect((await trainTokenizer(later(), options)).vocabulary).toEqual(expected.vocabulary)
  expect((await trainTokenizer([corpus.join('\n')], options)).vocabulary).toEqual(expected.vocabulary)
})

test('rare characters are left to the bytes', async () => {
  const texts = Array.from({ length: 500 }, () => 'aba')
  const tokenizer = await trainTokenizer([...texts, '漢'], { vocabSize: 265, characterCoverage: 0.999 })
  expect(tokenizer.pieceToId('漢')).toBeUndefined()
  expect(tokenizer.decode(tokenizer.encode('漢'))).toBe('漢')
})

test('what looks like a reserved piece is part of none', async () => {
  const tokenizer = await trainTokenizer(Array(50).fill('x<s>y <unk> ab'), { vocabSize: 267, characterCoverage: 1 })
  const pieces = tokenizer.vocabulary.pieces.slice(reserved)
  expect(pieces.filter(piece => /[<>s]/.test(piece))).toEqual([])
})

test('long sentences and those with U+2585 are skipped and counted', async () => {
  const seen: TrainingProgress[] = []
  const lines = ['the end', 'x'.repeat(30), 'é'.repeat(11), 'with ▅ inside']
  await trainTokenizer(lines, {
    vocabSize: 268,
    characterCoverage: 1,
    maxSentenceLength: 20,
    onProgress: p => seen.push(p),
  })
  expect(seen.at(-1)).toEqual({ sentences: 1, skipped: 3, pieces: 268, vocabSize: 268 })
})

test('training stops when it is told to, between two pieces', async () => {
  const controller = new AbortController()
  const endless = (function* () {
    for (let i = 0; ; i++) yield `word${i.toString(36)} ${(i * 7919).toString(36)}`
  })()
  const training = trainTokenizer(endless, {
    vocabSize: 1000,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await expect(training).rejects.toThrow('enough')
  const aborted = AbortSignal.abort(new Error('before'))
  await expect(trainTokenizer(corpus, { vocabSize: 290, signal: aborted })).rejects.toThrow('before')
})

test('one large text is read, and its pairs are counted, in turns too', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 10))
  const seen: TrainingProgress[] = []
  const text = Array.from({ length: 1000 }, (_, i) => `w${i.toString(26).replace(/\d/g, 'z')} the end`).join('\n')
  await trainTokenizer([text], { vocabSize: 400, characterCoverage: 1, onProgress: progress => seen.push(progress) })
  clock.mockRestore()
  expect(seen[0].sentences).toBeLessThan(20)
  // Before the first merge.
  const counting = seen.filter(({ pieces }) => pieces > 0 && pieces === seen.find(({ pieces }) => pieces > 0)?.pieces)
  expect(counting.length).toBeGreaterThan(50)
})

test('training stops between two merges', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 10))
  const controller = new AbortController()
  let pieces = 0
  const training = trainTokenizer(corpus, {
    vocabSize: 290,
    characterCoverage: 1,
    signal: controller.signal,
    onProgress(progress) {
      if (progress.pieces > pieces && pieces > 0) controller.abort(new Error('enough'))
      pieces = progress.pieces
    },
  })
  await expect(training).rejects.toThrow('enough')
  expect(pieces).toBeLessThan(290)
  clock.mockRestore()
})

test('options and corpora that make no vocabulary are refused', async () => {
  const refuse = async (options: object, message: string, texts: string[] = corpus) => {
    const training = trainTokenizer(texts, { vocabSize: 285, ...options })
    await expect(training).rejects.toThrow(TrainingError)
    await expect(training).rejects.toThrow(message)
  }
  await refuse({ vocabSize: 0 }, 'vocabSize is 0, expected an integer from 1')
  await refuse({ vocabSize: 300.5 }, 'vocabSize is 300.5')
  await refuse({ vocabSize: 260 }, 'raise it, or lower characterCoverage')
  await refuse({ vocabSize: 5000 }, 'lower vocabSize from 5000')
  await refuse({ characterCoverage: 0 }, 'characterCoverage is 0')
  await refuse({ characterCoverage: 1.1 }, 'characterCoverage is 1.1')
  await refuse({ maxPieceLength: 0 }, 'maxPieceLength is 0')
  await refuse({ maxPieceLength: 513 }, 'maxPieceLength is 513')
  await refuse({ maxSentenceLength: -1 }, 'maxSentenceLength is -1')
  await refuse({}, 'no text to train on', ['', '\n'])
})
