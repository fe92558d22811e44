import { resolve } from 'node:path'
import { openPath } from '@cria/checkpoint/node'
import { type DType, isDType } from '@cria/dtypes'
import { type LlamaWeights, openLlama } from '@cria/llama'
import type { ModelArgument } from '../arguments'
import { UsageError } from '../errors'
import { syntheticModel } from '../synthetic/file'
import type { SyntheticType } from '../synthetic/types'

/** A model's file, and what is in it. */
export interface PreparedModel {
  readonly path: string
  readonly name: string
  readonly llama: Pick<LlamaWeights, 'tensors' | 'config'>
  /** Types of the stored matrices, or the type in which Cria is to hold them. */
  readonly weights: readonly string[]
  /** The type in which Cria is to hold matrices, if not as stored. */
  readonly held: DType | undefined
}

/** Types of the matrices of a checkpoint, the one with the most bytes first. */
export const matrixTypes = ({ tensors }: Pick<LlamaWeights, 'tensors'>): string[] => {
  const bytes = new Map<string, number>()
  for (const { shape, dtype, byteLength } of tensors.values())
    if (shape.length > 1) bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength)
  return [...bytes].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype)
}

/**
 * Finds the file of a model, and writes it first if it is a synthetic one.
 * @param weights the type of a synthetic model's file; of another file, the type in which Cria holds its matrices
 * @throws UsageError for a type that cannot be meant @throws CheckpointError
 */
export const prepareModel = async (
  model: ModelArgument,
  weights: SyntheticType | undefined,
  hasPeers: boolean,
): Promise<PreparedModel> => {
  const isSynthetic = model.kind === 'synthetic'
  const path = isSynthetic ? await syntheticModel(model.size, weights ?? 'q8_0') : resolve(model.path)
  const checkpoint = await openPath(path, { vocabulary: false })
  try {
    const { tensors, config } = await openLlama(checkpoint)
    const stored = matrixTypes({ tensors })
    const held = isSynthetic ? undefined : weights
    if (hasPeers && (held !== undefined || !path.endsWith('.gguf')))
      throw new UsageError(
        `peers load GGUF files as they are, and ${path} is ${stored.join(' and ')} in ${checkpoint.format}: convert it first (\`cria convert\`), and leave --weights out`,
      )
    if (held !== undefined && !isDType(held))
      throw new UsageError(`--weights ${held} is a mixture of types: give one type, in which Cria holds all matrices`)
    const name = isSynthetic ? `synth:${model.size}` : model.path
    return { path, name, llama: { tensors, config }, weights: held ? [held] : stored, held }
  } finally {
    await checkpoint.close()
  }
}
