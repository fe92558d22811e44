import type { DType } from '@cria/dtypes'
import type { Call, Op } from '../../../op'

export interface Shader {
  readonly name: string
  /** WGSL: binding 0 the parameters, then the arrays read, then the one written; entry point `main`. */
  readonly code: string
}

/** How a shader runs one call. */
export interface ShaderPlan {
  readonly shader: Shader
  /** Words of the uniform struct. */
  readonly parameters: readonly number[]
  readonly groups: readonly [number, number, number]
}

/** A hand-written shader for an op. An op in place writes input 0, which it does not read; others write a new array. */
export interface ShaderImplementation {
  readonly op: Op
  readonly name: string
  fits(call: Call): boolean
  plan(call: Call): ShaderPlan
}

/** Makes one shader for each weight type, on demand: what differs is how four elements are read. */
export const shaderByType = (make: (dtype: DType) => Shader): ((dtype: DType) => Shader) => {
  const made = new Map<DType, Shader>()
  return dtype => {
    const shader = made.get(dtype) ?? make(dtype)
    made.set(dtype, shader)
    return shader
  }
}
