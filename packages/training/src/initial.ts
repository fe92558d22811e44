import type { CausalModel } from '@cria/attention-variants'
import { initialise } from '@cria/layers'

/**
 * The first weights of a model, drawn from a normal distribution of deviation 0.02. The matrices whose results are added to the
 * residual stream, two in each of L layers, are smaller by 1 / √(2L), so that the stream does not grow with depth (Radford et al. 2019,
 * section 2.3).
 */
export const initialiseWeights = (model: CausalModel, seed = 0): void => {
  const residual = 1 / Math.sqrt(2 * model.cacheShape.layers)
  const scale = (path: string) => (/\.(wo|w2)\.weight$/.test(path) ? residual : 1)
  initialise(model, model.device, { seed, deviation: 0.02, scale })
}
