import { embeddingTwin } from './embedding'
import { linearTwin } from './linear'
import type { ShaderTwin } from './shader'
import { writeRowsTwin } from './write-rows'

/** Every hand-written shader, by the op that it does. */
export const shaderTwins: readonly ShaderTwin[] = [embeddingTwin, linearTwin, writeRowsTwin]
