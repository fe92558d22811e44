import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Checkpoint, openCheckpoint, type Source, type TensorData, type Weights } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import type { DType } from '@cria/dtypes'
import { expect, onTestFinished } from 'vitest'
import { openLlama } from '../../src/checkpoint'

/** The trained 260K-parameter model of the test data: the path of one of its files, and whether it is there. */
export const stories = (name: string) =>
  fileURLToPath(new URL(`../../../../../shared/data/stories260K/${name}`, import.meta.url))

export const haveStories = existsSync(stories('stories260K.bin'))

/** All tensors, by path. */
export const readAll = async (model: Weights, dtype?: DType): Promise<Map<string, TensorData>> => {
  const tensors = new Map<string, TensorData>()
  for (const path of model.tensors.keys()) tensors.set(path, await model.read(path, { dtype }))
  return tensors
}

/** The LLaMA in a checkpoint, which is closed if there is none. */
export const llamaOf = async (checkpoint: Checkpoint) => {
  try {
    return { ...(await openLlama(checkpoint)), checkpoint, format: checkpoint.format, close: () => checkpoint.close() }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** The LLaMA in these files. */
export const openSources = async (sources: Source | readonly Source[]) => llamaOf(await openCheckpoint(sources))

/** The LLaMA at a path, which is closed when the test ends. */
export const open = async (path: string) => {
  const model = await llamaOf(await openPath(path))
  onTestFinished(() => model.close())
  return model
}

/** The model from llama2.c's own version 0 file, with which all its other forms are compared. */
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
    const found = actual.get(name) as TensorData
    expect({ name, dtype: found.dtype, shape: found.shape }).toEqual({ name, dtype: tensor.dtype, shape: tensor.shape })
    if (!bytesOf(found).equals(bytesOf(tensor))) expect.fail(`${name} differs`)
  }
}
