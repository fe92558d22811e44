import type { Shape } from '../../../shape'
import type { DType } from '../../../tensor'

export interface Shader {
  readonly name: string
  /** WGSL: binding 0 the parameters, then the arrays read, then the one written; entry point `main`. */
  readonly code: string
}

/** How a twin runs one call. */
export interface ShaderPlan {
  readonly shader: Shader
  /** Words of the uniform struct. */
  readonly parameters: readonly number[]
  readonly groups: readonly [number, number, number]
  /** Input 0 is written instead of a new array. */
  readonly inPlace?: boolean
}

/** What a twin sees of an input. */
export interface ShaderInput {
  readonly shape: Shape
  readonly dtype: DType
}

/** A hand-written shader for an op; it leaves what it gains nothing on to the kernels, by planning nothing. */
export interface ShaderTwin {
  readonly op: string
  plan(inputs: readonly ShaderInput[], attributes: never): ShaderPlan | undefined
}

/** Makes one shader a weight type, on demand: what differs is how four elements are read. */
export const shaderByType = (make: (dtype: DType) => Shader): ((dtype: DType) => Shader) => {
  const made = new Map<DType, Shader>()
  return dtype => {
    const shader = made.get(dtype) ?? make(dtype)
    made.set(dtype, shader)
    return shader
  }
}
