export { SimdEngine, type SimdTraits } from './engine'
export { SimdArgumentError, SimdMemoryError, SimdRangeError, SimdUnavailableError, WorkerLostError } from './errors'
export type { Build } from './kernels'
export { openSimd, type SimdOptions } from './open'
export type { Int8Dot, Probed } from './probe'
export {
  type AttentionOptions,
  type AttentionWeightsOptions,
  type CacheType,
  cacheRowBytes,
  type RopeOptions,
  type RowsOptions,
} from './token-kernels'
export type { AdamWOptions, AttentionBackwardOptions } from './training-kernels'
export type { MatmulOptions } from './weight-kernels'
export { PIECE_ROWS, type Weight, type WeightData, type WeightType, weightTypes } from './weights'
