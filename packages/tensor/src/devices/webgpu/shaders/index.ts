import { attentionOverRanges } from './attention'
import { attentionDirect } from './attention-direct'
import { linearDirect } from './direct'
import { elementwiseQuads } from './elementwise'
import { gatherRows } from './embedding'
import { linearByMatrices } from './matrices'
import { matrixVector } from './matrix-vector'
import { rowReductions } from './rows'
import { sampleRows } from './sample'
import type { ShaderImplementation } from './shader'
import { linearTiled } from './tiled'
import { linearTiledF16 } from './tiled-f16'
import { linearTiledInt8 } from './tiled-int8'
import { writeRowsInPlace } from './write-rows'

/** Every hand-written implementation; those of one op the default first. */
export const shaderImplementations: readonly ShaderImplementation[] = [
  gatherRows,
  ...matrixVector,
  ...linearTiled,
  ...linearTiledF16,
  ...linearTiledInt8,
  ...linearByMatrices,
  ...linearDirect,
  ...attentionOverRanges,
  attentionDirect,
  ...rowReductions,
  ...sampleRows,
  ...elementwiseQuads,
  writeRowsInPlace,
]
