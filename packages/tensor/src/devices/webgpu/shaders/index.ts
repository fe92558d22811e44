import { gatherRows } from './embedding'
import { linearFewRows, linearTiled } from './linear'
import type { ShaderImplementation } from './shader'
import { writeRowsInPlace } from './write-rows'

/** Every hand-written shader; those of one op best first. */
export const shaderImplementations: readonly ShaderImplementation[] = [
  gatherRows,
  linearFewRows,
  linearTiled,
  writeRowsInPlace,
]
