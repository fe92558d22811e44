import type { Checkpoint, Vocabulary } from './checkpoint'
import type { ModelConfig } from './config'
import { ConversionError } from './errors'
import { weightsOf } from './names'
import { memorySource } from './sources/memory'
import { storedCheckpoint } from './stored-checkpoint'
import type { StoredTensor } from './stored-tensor'

export interface MemoryCheckpointOptions {
  readonly name?: string | undefined
  readonly vocabulary?: Vocabulary | undefined
}

/**
 * A checkpoint over arrays in memory, by Meta's names with wq and wk in interleaved pairs: a model that was trained here,
 * ready for a writer. Throws a `ConversionError` for an array of the wrong length, and as a reader does for missing or
 * unknown names.
 */
export const memoryCheckpoint = (
  config: ModelConfig,
  arrays: ReadonlyMap<string, Float32Array>,
  { name: file = 'memory', vocabulary }: MemoryCheckpointOptions = {},
): Checkpoint => {
  const shapes = new Map([...weightsOf(config)].map(weight => [weight.meta, weight.shape]))
  const tensors = new Map<string, StoredTensor>()
  for (const [name, array] of arrays) {
    const shape = shapes.get(name) ?? [array.length]
    const expected = shape.reduce((product, size) => product * size, 1)
    if (array.length !== expected) {
      throw new ConversionError(
        { file, tensor: name },
        `has ${array.length} values, expected ${expected} for [${shape}]`,
      )
    }
    const source = memorySource(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), file)
    tensors.set(name, { name, shape, dtype: 'f32', parts: [{ source, offset: 0, shape }] })
  }
  return storedCheckpoint({ format: 'memory', name: file, config, naming: 'meta', tensors, vocabulary }, async () => {})
}
