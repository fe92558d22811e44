import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { Checkpoint, TensorData, WeightDType } from '../src/index'
import { openPath } from '../src/node'

/** The trained 260K-parameter model of the test data: a file of its folder, and whether it is there. */
export const stories = (name: string) =>
  fileURLToPath(new URL(`../../../../shared/data/stories260K/${name}`, import.meta.url))

export const haveStories = existsSync(stories('stories260K.bin'))

/** All tensors, by name. */
export const readAll = async (checkpoint: Checkpoint, dtype?: WeightDType): Promise<Map<string, TensorData>> => {
  const tensors = new Map<string, TensorData>()
  for (const name of checkpoint.tensors.keys()) tensors.set(name, await checkpoint.read(name, { dtype }))
  return tensors
}

/** A checkpoint that is closed when the test ends. */
export const open = async (path: string): Promise<Checkpoint> => {
  const checkpoint = await openPath(path)
  onTestFinished(() => checkpoint.close())
  return checkpoint
}

/** The model as llama2.c's own version 0 file holds it: what all other forms of it are compared with. */
export const original = async () => {
  const checkpoint = await open(stories('stories260K.bin'))
  return { checkpoint, tensors: await readAll(checkpoint) }
}

const bytesOf = ({ data }: TensorData) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

/** Same names in the same order, same shapes and types, same bits. */
export const expectSameTensors = (
  actual: ReadonlyMap<string, TensorData>,
  expected: ReadonlyMap<string, TensorData>,
) => {
  expect([...actual.keys()]).toEqual([...expected.keys()])
  for (const [name, tensor] of expected) {
    const { dtype, shape, data } = actual.get(name) as TensorData
    expect({ name, dtype, shape }).toEqual({ name, dtype: tensor.dtype, shape: tensor.shape })
    if (!bytesOf({ dtype, shape, data } as TensorData).equals(bytesOf(tensor))) expect.fail(`${name} differs`)
  }
}
