import { type Device, openDevice } from '@cria/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { config, tinyModel } from '../test/tiny'
import { evaluate, type TextEncoder, TrainingDataError } from '.'

let device: Device
beforeAll(async () => {
  device = await openDevice('cpu')
})
afterAll(() => device.close())

/** BOS is 0, and a letter its place in the alphabet; é is of two bytes. */
const letters: TextEncoder = {
  encode: text => [0, ...Array.from(text, letter => (letter === 'é' ? 23 : letter.charCodeAt(0) - 96))],
}

/** -ln p of each id but the first, from the ids before it within `reach`, by the model's plain forward pass. */
const losses = async (model: ReturnType<typeof tinyModel>, ids: readonly number[]): Promise<number[]> => {
  using logits = model.forward(ids.slice(0, -1), undefined, { logits: 'all' })
  const values = await logits.read()
  return ids.slice(1).map((id, t) => {
    const row = Array.from(values.subarray(t * config.vocab_size, (t + 1) * config.vocab_size))
    return Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[id]
  })
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

test('the score of a document does not depend on the documents packed with it', async () => {
  using model = tinyModel(device)
  const texts = ['abc', 'hello', 'é', 'mnopqrstu']
  const expected = await Promise.all(texts.map(text => losses(model, Array.from(letters.encode(text, { bos: true })))))
  const nats = sum(expected.flat())
  for (const passTokens of [12, 13, 100]) {
    const found = await evaluate(model, letters, texts, { passTokens })
    expect(found).toMatchObject({ tokens: 18, bytes: 19, documents: 4, split: 0 })
    expect(found.nats).toBeCloseTo(nats / 18, 5)
    expect(found.perplexity).toBeCloseTo(Math.exp(nats / 18), 3)
    expect(found.bitsPerByte).toBeCloseTo(nats / Math.LN2 / 19, 5)
  }
})

test('a document longer than the context is read in windows that overlap by half', async () => {
  using model = tinyModel(device)
  const text = 'abcdefghijklmnopqrstuvw'.slice(0, 21)
  const ids = Array.from(letters.encode(text, { bos: true })) // 22
  const found = await evaluate(model, letters, [text], { context: 8 })
  const windows = [
    { start: 0, from: 0 },
    { start: 4, from: 4 },
    { start: 8, from: 4 },
    { start: 12, from: 4 },
    { start: 16, from: 4 },
  ]
  let nats = 0
  for (const { start, from } of windows) nats += sum((await losses(model, ids.slice(start, start + 9))).slice(from))
  expect(found).toMatchObject({ tokens: 21, documents: 1, split: 1 })
  expect(found.nats).toBeCloseTo(nats / 21, 5)
})

test('a document that just fits the context is not split', async () => {
  using model = tinyModel(device)
  expect(await evaluate(model, letters, ['abcdefgh'], { context: 8 })).toMatchObject({ tokens: 8, split: 0 })
  expect(await evaluate(model, letters, ['abcdefghi'], { context: 8 })).toMatchObject({ tokens: 9, split: 1 })
})

test('an empty text, and tokens outside the vocabulary, are refused', async () => {
  using model = tinyModel(device)
  await expect(evaluate(model, letters, [])).rejects.toThrow(TrainingDataError)
  await expect(evaluate(model, letters, [''])).rejects.toThrow('every document is empty')
  await expect(evaluate(model, letters, ['xyz'])).rejects.toThrow('token 24 is outside the vocabulary of 24')
})

test('progress is reported, an abort takes effect, and all memory is freed', async () => {
  using model = tinyModel(device)
  model.forward([1]).dispose() // tables of the rotary embedding stay with the model
  const before = device.memory.allocations
  const seen: number[] = []
  await evaluate(model, letters, ['abc', 'def', 'ghi'], {
    passTokens: 12,
    onProgress: documents => seen.push(documents),
  })
  expect(seen.at(-1)).toBe(3)
  await expect(evaluate(model, letters, ['abc'], { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  expect(device.memory.allocations).toBe(before)
})
