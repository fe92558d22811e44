import { type ModelConfig, storageDType, type WeightDType, weightsOf } from '@cria/checkpoint'
import { Llama2 } from '@cria/llama2'
import { openDevice } from 'cria'

/** Bytes of a number; of the quantised types, a block's divided among its 32. */
export const weightBytes: Readonly<Record<WeightDType, number>> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }

/**
 * Bytes of the weights that every decoded token needs: all but the embedding's other rows. Keys and values come on top, a
 * few percent of it in a stream as short as these.
 */
export const bytesPerToken = (config: ModelConfig, weights: WeightDType): number => {
  let bytes = 0
  for (const { meta, shape } of weightsOf(config)) {
    const [rows, columns = 1] = shape
    const read = meta === 'tok_embeddings.weight' && !config.tied_output ? columns : rows * columns
    bytes += read * weightBytes[storageDType(shape, weights)]
  }
  return bytes
}

/** Floating-point operations of the pass over a prompt, by the ops' own account: logits of the last position alone. */
export const prefillFlops = async (config: ModelConfig, prompt: number): Promise<number> => {
  await using shapes = await openDevice('shape')
  const network = new Llama2(shapes, config)
  for (const [, parameter] of network.parameters()) parameter.load(shapes.zeros(parameter.shape))
  using cache = network.createCache({ capacity: prompt })
  const { cost } = shapes.record(() => network.forward(new Uint32Array(prompt), cache).dispose())
  return cost.flops
}
