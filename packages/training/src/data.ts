import { TrainingDataError } from './errors'

// Shapes: T tokens that the model reads of a row, R rows, N = R·T tokens of a pass.

/** One row of training data: T tokens to read, and after them the token that follows. A row of `@cria/data-mixture` is one. */
export interface TrainingRow {
  /** [T + 1] */
  readonly ids: ArrayLike<number>
  /** Where documents begin in the row, ascending, the first at 0. Documents of a row do not see each other. */
  readonly documents: ArrayLike<number>
  /** Index of the row's source in `TrainingData.sources`. */
  readonly source: number
}

/**
 * The data of a training run, such as a `Mixture` of `@cria/data-mixture`. Row n is always the same, so a row
 * number fully describes the position of a run.
 */
export interface TrainingData {
  readonly sources: readonly { readonly name: string }[]
  row(n: number): TrainingRow | Promise<TrainingRow>
}

/** Some rows as one pass: what the model reads, and what it should predict. */
export interface Batch {
  /** [N] */
  readonly ids: Int32Array<ArrayBuffer>
  /** The next tokens, [N]; -1 if the next token begins another document, because it cannot be predicted. */
  readonly targets: Int32Array<ArrayBuffer>
  /** Where documents begin among the N tokens, ascending. Every row begins one. */
  readonly documents: number[]
  /** The number of targets that are not -1. */
  readonly targetCount: number
}

/**
 * Makes a pass of rows.
 * @param rows R rows of `context` + 1 tokens
 * @throws TrainingDataError for a row of the wrong length, a token outside the vocabulary, or document starts that are not ascending
 */
export const batchOf = (rows: readonly TrainingRow[], context: number, vocabSize: number): Batch => {
  const ids = new Int32Array(rows.length * context)
  const targets = new Int32Array(rows.length * context)
  const documents: number[] = []
  for (const [r, row] of rows.entries()) {
    checkRow(row, context, vocabSize)
    const base = r * context
    for (let t = 0; t < context; t++) {
      ids[base + t] = row.ids[t]
      targets[base + t] = row.ids[t + 1]
    }
    for (const start of Array.from(row.documents)) {
      if (start < context) documents.push(base + start)
      if (start > 0) targets[base + start - 1] = -1
    }
  }
  let targetCount = 0
  for (const target of targets) if (target >= 0) targetCount++
  if (targetCount === 0) throw new TrainingDataError('the rows have nothing to predict: every token begins a document')
  return { ids, targets, documents, targetCount }
}

const checkRow = ({ ids, documents }: TrainingRow, context: number, vocabSize: number): void => {
  if (ids.length !== context + 1)
    throw new TrainingDataError(`a row has ${ids.length} tokens, expected ${context + 1}: the context and one more`)
  for (let t = 0; t <= context; t++)
    if (!(Number.isInteger(ids[t]) && ids[t] >= 0 && ids[t] < vocabSize))
      throw new TrainingDataError(
        `token ${ids[t]} is outside the vocabulary of ${vocabSize}: tokenize the data with the tokenizer of this model`,
      )
  for (let d = 0; d < documents.length; d++) {
    const ascending = d === 0 ? documents[d] === 0 : documents[d] > documents[d - 1]
    if (!(ascending && Number.isInteger(documents[d]) && documents[d] <= context))
      throw new TrainingDataError(
        `document ${d} of a row begins at ${documents[d]}: starts ascend from 0 to at most ${context}`,
      )
  }
  if (documents.length === 0) throw new TrainingDataError('a row has no document: its first one begins at 0')
}
