import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Tokenizer, trainTokenizer } from '@cria/tokenizer'
import * as Plot from '@observablehq/plot'
import { root } from '../packages'
import { pages } from '../sidebar'
import { colours, draw, type Figure, grid } from './plot'

/** The guides of this site are the corpus: about as much text as a picture needs. */
const guides = (): string[] => {
  const folder = join(pages, 'guides')
  const files = readdirSync(folder).filter(file => file.endsWith('.md'))
  return files.sort().flatMap(file => readFileSync(join(folder, file), 'utf8').split('\n'))
}

const train = (vocabSize: number): Promise<Tokenizer> => trainTokenizer(guides(), { vocabSize, characterCoverage: 1 })

/** `▁`, with which SentencePiece writes a space, is missing from many fonts. */
const readable = (piece: string): string => piece.replaceAll('▁', '·')

/** How a word of the corpus is merged, step by step. */
export const mergeSteps = async (): Promise<Figure> => {
  const word = 'tokenizer'
  const [{ pieces }] = (await train(1000)).explain(word)
  const cells = pieces.flatMap((row, step) => {
    let from = 0
    return row.map(piece => {
      const x1 = from
      from += piece.length
      return { step, x1, x2: from, text: readable(piece) }
    })
  })
  const told = pieces.map(row => row.map(readable).join(' ')).join('; then ')
  return draw(`The pieces of "${word}" before each merge and after the last: ${told}.`, {
    height: 30 + 30 * pieces.length,
    margin: 6,
    marginLeft: 70,
    marginBottom: 6,
    x: { axis: null },
    y: { label: null, reverse: true, tickSize: 0, ticks: pieces.length, tickFormat: step => `merge ${step}` },
    marks: [
      Plot.rect(cells, {
        ...{ x1: 'x1', x2: 'x2', y1: ({ step }) => step - 0.4, y2: ({ step }) => step + 0.4 },
        ...{ fill: colours.series(0), fillOpacity: 0.25, stroke: colours.series(0), inset: 1.5 },
      }),
      Plot.text(cells, { x: ({ x1, x2 }) => (x1 + x2) / 2, y: 'step', text: 'text', fill: colours.text, fontSize: 14 }),
    ],
  })
}

const vocabularies = [300, 400, 600, 800, 1200, 1600]

/** Mean bytes of a token, by the size of the vocabulary, on a text that the tokenizer has not seen. */
export const vocabularySizes = async (): Promise<Figure> => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const bytes = Buffer.byteLength(text)
  const smallest = (await smallestVocabulary()) + 1
  const sizes = [smallest, ...vocabularies.filter(size => size > smallest)]
  const points = await Promise.all(
    sizes.map(async vocabulary => ({ vocabulary, bytes: bytes / (await train(vocabulary)).countTokens(text) })),
  )
  const told = points.map(({ vocabulary, bytes }) => `${vocabulary}: ${bytes.toFixed(2)}`).join(', ')
  return draw(`Bytes a token of ARCHITECTURE.md, by pieces of the vocabulary: ${told}.`, {
    height: 260,
    x: { label: 'pieces of the vocabulary', ticks: 6 },
    y: { label: 'bytes a token', zero: true, ticks: 5 },
    marks: [
      Plot.gridY({ ticks: 5, ...grid }),
      Plot.line(points, { x: 'vocabulary', y: 'bytes', stroke: colours.series(0), strokeWidth: 2 }),
      Plot.dot(points, { x: 'vocabulary', y: 'bytes', fill: colours.series(0), r: 4 }),
    ],
  })
}

/** Unknown, begin and end, the 256 bytes, and every character of the corpus. */
const smallestVocabulary = async (): Promise<number> => 3 + 256 + new Set(guides().join('')).size
