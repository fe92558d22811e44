import { expect, test } from 'vitest'
import { ConversionError, memoryWeights, openCheckpoint, readWeights, selectWeights } from '../src/index'
import { folder, sourcesOf } from './small-models'

const specs = [
  { path: 'a', shape: [2, 2] },
  { path: 'b', shape: [3] },
]
const a = Float32Array.of(1, 2, 3, 4)
const b = Float32Array.of(5, 6, 7)

test('arrays in memory are weights', async () => {
  const weights = memoryWeights(
    specs,
    new Map([
      ['a', a],
      ['b', b],
    ]),
  )
  expect(weights.name).toBe('memory')
  expect([...weights.tensors]).toEqual([
    ['a', { shape: [2, 2], dtype: 'f32', byteLength: 16, shards: 1 }],
    ['b', { shape: [3], dtype: 'f32', byteLength: 12, shards: 1 }],
  ])
  expect(await weights.read('b')).toMatchObject({ shape: [3], dtype: 'f32', data: b })
  await expect(weights.read('c')).rejects.toThrow(/^memory: tensor "c": is not a tensor of this model/)
})

test.each<[string, [string, Float32Array][], RegExp]>([
  ['missing', [['a', a]], /^trained: tensor "b": is missing; expected it with shape \[3\]$/],
  [
    'too long',
    [
      ['a', a],
      ['b', a],
    ],
    /^trained: tensor "b": has 4 values, expected 3 for \[3\]$/,
  ],
  [
    'unknown',
    [
      ['a', a],
      ['b', b],
      ['c', b],
    ],
    /^trained: tensor "c": is not a tensor of this model/,
  ],
])('an array that is %s is a ConversionError', (_, arrays, error) => {
  const make = () => memoryWeights(specs, new Map(arrays), 'trained')
  expect(make).toThrow(error)
  expect(make).toThrow(ConversionError)
})

test('a model without weights has none to read', async () => {
  const read = []
  for await (const weight of readWeights(memoryWeights([], new Map()))) read.push(weight)
  expect(read).toEqual([])
})

test('the memory of tensors is used in turns', async () => {
  const paths = ['p', 'q', 'r', 's']
  const weights = memoryWeights(
    paths.map(path => ({ path, shape: [3] })),
    new Map(paths.map(path => [path, b])),
  )
  const used: string[] = []
  const memory = (name: string) => (length: number) => {
    used.push(name)
    return new Uint8Array(length)
  }
  for await (const [, { data }] of readWeights(weights, { memory: [memory('even'), memory('odd')] }))
    expect(data).toEqual(b)
  expect(used).toEqual(['even', 'odd', 'even', 'odd'])
})

test('a weight has the shape that the architecture expects, in every axis and no more', async () => {
  const checkpoint = await openCheckpoint(await sourcesOf(folder()))
  for (const shape of [[2], [2, 2, 1], [2, 3], [4]])
    expect(() => selectWeights(checkpoint, [{ path: 'w', name: 'a', shape }])).toThrow(
      `tensor "a": has shape [2,2], expected [${shape}] from the config`,
    )
  expect([...selectWeights(checkpoint, [{ path: 'w', name: ['none', 'a'], shape: [2, 2] }]).tensors.keys()]).toEqual([
    'w',
  ])
})
