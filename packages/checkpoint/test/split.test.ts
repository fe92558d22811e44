import { expect, test } from 'vitest'
import { type GgufEntry, MalformedFileError, openCheckpoint, SourceError } from '../src/index'
import { gguf, parts, sourceOf, sourcesOf, tensor } from './small-models'

test('the parts of a split GGUF file are one model, in any order', async () => {
  const sources = await sourcesOf(parts(3))
  const checkpoint = await openCheckpoint([sources[2], sources[0], sources[1]])
  expect([...checkpoint.tensors.keys()]).toEqual(['t0', 't1', 't2'])
  for (const i of [0, 1, 2]) expect((await checkpoint.read(`t${i}`)).data[0]).toBe(i)
  // The metadata is that of the first part.
  expect(checkpoint.vocabulary?.kind).toBe('gguf')
})

test('a part that is missing is a SourceError', async () => {
  const [first, second] = await sourcesOf(parts(3))
  for (const files of [first, [first, second]]) {
    const opening = openCheckpoint(files)
    await expect(opening).rejects.toThrow(/split.count: is 3, but \d of the parts were given/)
    await expect(opening).rejects.toBeInstanceOf(SourceError)
  }
})

test('a part that is given twice, or belongs to another model, is a MalformedFileError', async () => {
  const [first] = await sourcesOf(parts(2))
  const again = { ...first, name: 'm-00002-of-00002.gguf' }
  await expect(openCheckpoint([first, again])).rejects.toThrow(/split.no: is 0, which does not make it one of 2 parts/)
  const whole = await sourceOf(gguf('m-00002-of-00002.gguf'))
  const opening = openCheckpoint([first, whole])
  await expect(opening).rejects.toThrow(/split.no/)
  await expect(opening).rejects.toBeInstanceOf(MalformedFileError)
})

test.each<[string, GgufEntry, GgufEntry]>([
  ['2 of 2', ['split.no', { type: 'u16', value: 2 }], ['split.count', { type: 'u16', value: 2 }]],
  ['-1', ['split.no', { type: 'i16', value: -1 }], ['split.count', { type: 'u16', value: 2 }]],
  ['0.5', ['split.no', { type: 'f32', value: 0.5 }], ['split.count', { type: 'u16', value: 2 }]],
  ['1 of 3', ['split.no', { type: 'u16', value: 1 }], ['split.count', { type: 'u16', value: 3 }]],
])('a second part whose number is %s is refused', async (number, ...fields) => {
  const [first] = await sourcesOf(parts(2))
  const second = await sourceOf(gguf('m-00002-of-00002.gguf', fields, [tensor('t1', 1)]))
  await expect(openCheckpoint([first, second])).rejects.toThrow(
    `m-00002-of-00002.gguf: split.no: is ${number.split(' ')[0]}, which does not make it one of 2 parts of the model of m-00001`,
  )
})

test('a tensor that two parts have is refused', async () => {
  const [first] = await sourcesOf(parts(2))
  const fields: GgufEntry[] = [
    ['split.no', { type: 'u16', value: 1 }],
    ['split.count', { type: 'u16', value: 2 }],
  ]
  const second = await sourceOf(gguf('m-00002-of-00002.gguf', fields, [tensor('t0', 1)]))
  await expect(openCheckpoint([first, second])).rejects.toThrow(/tensor "t0": is also in another part of the model/)
})
