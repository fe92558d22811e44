import { languageFeatures } from './adapter'
import { MOST_LANES, matrixFeature, matrixSizes } from './shaders/matrices'
import type { ShaderFeature } from './shaders/shader'

/** The extension of WGSL behind the features of {@link matrixFeature}, and what else their shaders need. */
export const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName
const SUBGROUP_ID = 'subgroup_id'

/** What the types of WebGPU do not have yet. */
interface MatrixInfo {
  readonly subgroupMaxSize?: number
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string
    readonly resultComponentType: string
    readonly M: number
    readonly N: number
    readonly K: number
  }>
}

/** The sizes of matrices that an adapter multiplies and shaders use. */
export const matrixFeaturesOf = ({
  features,
  info,
}: Pick<GPUAdapter, 'features' | 'info'>): readonly ShaderFeature[] => {
  const { subgroupMaxSize = 0, subgroupMatrixConfigs = [] } = info as MatrixInfo
  if (!features.has(MATRICES) || !features.has('subgroups') || !languageFeatures().has(SUBGROUP_ID)) return []
  if (subgroupMaxSize > MOST_LANES) return []
  const configs = [...subgroupMatrixConfigs]
  return matrixSizes
    .filter(({ type, m, n, k }) =>
      configs.some(
        ({ componentType, resultComponentType, M, N, K }) =>
          componentType === type && resultComponentType === 'f32' && M === m && N === n && K === k,
      ),
    )
    .filter(({ type }) => type === 'f32' || features.has('shader-f16'))
    .map(matrixFeature)
}

/** The features of all sizes, in words. */
export const allMatrices = matrixSizes.map(matrixFeature).join(', ')
