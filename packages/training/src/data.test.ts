import { expect, test } from 'vitest'
import { batchOf, TrainingDataError, type TrainingRow } from '.'

const row = (ids: number[], documents: number[] = [0]): TrainingRow => ({ ids, documents, source: 0 })

test('rows become one pass, and no document predicts the beginning of the next', () => {
  const batch = batchOf([row([1, 5, 6, 1, 7]), row([1, 2, 3, 4, 5], [0, 2, 4])], 4, 8)
  expect(batch).toEqual({
    ids: Int32Array.of(1, 5, 6, 1, 1, 2, 3, 4),
    targets: Int32Array.of(5, 6, 1, 7, 2, -1, 4, -1),
    documents: [0, 4, 6],
    targetCount: 6,
  })
})

test.each<[string, TrainingRow, string]>([
  ['a short row', row([1, 2, 3]), 'has 3 tokens, expected 5'],
  ['a token outside the vocabulary', row([1, 2, 3, 4, 8]), 'token 8 is outside the vocabulary of 8'],
  ['a negative token', row([1, -2, 3, 4, 5]), 'token -2 is outside'],
  ['half a token', row([1, 2.5, 3, 4, 5]), 'token 2.5 is outside'],
  ['no documents', row([1, 2, 3, 4, 5], []), 'has no document'],
  ['a first document that begins late', row([1, 2, 3, 4, 5], [1]), 'document 0 of a row begins at 1'],
  ['documents out of order', row([1, 2, 3, 4, 5], [0, 3, 2]), 'document 2 of a row begins at 2'],
  ['a document past the end', row([1, 2, 3, 4, 5], [0, 5]), 'document 1 of a row begins at 5'],
])('%s is refused', (_, wrong, problem) => {
  expect(() => batchOf([row([1, 2, 3, 4, 5]), wrong], 4, 8)).toThrow(TrainingDataError)
  expect(() => batchOf([row([1, 2, 3, 4, 5]), wrong], 4, 8)).toThrow(problem)
})

test('rows without a target are refused', () => {
  expect(() => batchOf([row([1, 2], [0, 1])], 1, 8)).toThrow('nothing to predict')
})
