import type { CacheType } from '@cria/attention-variants'
import type { TensorInfo } from '@cria/checkpoint'
import { byteLength, type DType, dtypes, elementCount, rowLength } from '@cria/dtypes'
import type { LlamaWeights, ResolvedConfig } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { openDevice } from 'cria'
import { passesOf, runPass } from './cria'
import type { StreamSize } from './stream'

/** Bytes of a weight: as its file stores it, or in the type that it is to be held in. */
const weightBytes = ({ shape, byteLength: stored }: TensorInfo, wanted: DType | undefined): number => {
  if (!wanted || shape.length < 2) return stored
  const held = rowLength(shape) % dtypes[wanted].blockElements === 0 ? wanted : 'f16'
  return byteLength(held, elementCount(shape) as number)
}

/** Bytes of weights that every decoding pass reads: all of them, but only one row of an embedding that is not the output. */
export const weightBytesPerPass = (
  { tensors, config }: Pick<LlamaWeights, 'tensors' | 'config'>,
  wanted?: DType,
): number => {
  let bytes = 0
  for (const [path, info] of tensors) {
    const whole = weightBytes(info, wanted)
    bytes += path === 'tok_embeddings.weight' && !config.tied_output ? whole / info.shape[0] : whole
  }
  return bytes
}

/** Bytes of keys and values that a decoding pass reads for one sequence, on average over the tokens that are decoded. */
export const cacheBytesPerPass = async (
  config: ResolvedConfig,
  { depth, tokens }: Pick<StreamSize, 'depth' | 'tokens'>,
  cache: CacheType,
): Promise<number> => {
  await using shapes = await openDevice('shape')
  const elementBytes = dtypes[cache].blockBytes / dtypes[cache].blockElements
  return (depth + tokens / 2) * llama2(shapes, config).kvBytesPerToken(elementBytes)
}

/** Floating-point operations of the passes over one prompt, by the ops' own account. */
export const prefillFlops = async (config: ResolvedConfig, prompt: number): Promise<number> => {
  await using shapes = await openDevice('shape')
  const network = llama2(shapes, config)
  for (const [, parameter] of network.parameters()) parameter.load(shapes.zeros(parameter.shape))
  using cache = network.createCache()
  const sequence = cache.sequence({ capacity: prompt })
  const { cost } = shapes.record(() => {
    for (const pass of passesOf([{ sequence, ids: new Array<number>(prompt).fill(0) }]))
      runPass(network, pass)?.dispose()
  })
  return cost.flops
}
