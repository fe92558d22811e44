import { expect, test } from 'vitest'
import { trainTokenizer } from '../src/index'
import { dataLines, dataText, hasData } from './data'

const botchan = 'sentencepiece/botchan.txt'
const reference = 'spm-bpe-train-ref/botchan_bpe1000'

test.skipIf(!hasData(botchan, `${reference}.vocab`))(
  "SentencePiece's pieces for botchan.txt, and its ids",
  async () => {
    const tokenizer = await trainTokenizer([dataText(botchan)], {
      vocabSize: 1000,
      characterCoverage: 1,
      removeExtraWhitespaces: true,
    })
    // A piece may be a line break, and then it breaks its line.
    const lines = tokenizer.vocabulary.pieces.map((piece, id) => `${piece}\t${tokenizer.vocabulary.scores[id]}\n`)
    expect(lines.join('')).toBe(dataText(`${reference}.vocab`).replaceAll('\t-0\n', '\t0\n'))
    const cases = dataLines<{ text: string; ids: number[] }>(`${reference}_encode.jsonl`)
    expect(cases).toHaveLength(372)
    for (const { text, ids } of cases) expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids)
  },
)
