import type { Op } from '../op'
import { addOp } from './add'
import { attentionOp } from './attention'
import { concatOp } from './concat'
import { embeddingOp } from './embedding'
import { geluOp } from './gelu'
import { layerNormOp } from './layer-norm'
import { linearOp } from './linear'
import { matmulOp } from './matmul'
import { mulOp } from './mul'
import { reluOp } from './relu'
import { rmsNormOp } from './rms-norm'
import { ropeOp } from './rope'
import { scaleOp } from './scale'
import { siluMulOp } from './silu-mul'
import { sliceOp } from './slice'
import { softmaxOp } from './softmax'
import { transposeOp } from './transpose'
import { writeRowsOp } from './write-rows'

export { add } from './add'
export { type AttentionAttributes, attention } from './attention'
export { concat } from './concat'
export { embedding } from './embedding'
export { gelu } from './gelu'
export { layerNorm } from './layer-norm'
export { linear } from './linear'
export { type MatmulAttributes, matmul } from './matmul'
export { mul } from './mul'
export { relu } from './relu'
export { rmsNorm } from './rms-norm'
export { type RopePairing, rope } from './rope'
export { scale } from './scale'
export { siluMul } from './silu-mul'
export { type SliceAttributes, slice } from './slice'
export { softmax } from './softmax'
export { transpose } from './transpose'
export { writeRows } from './write-rows'

/** Every op, for tests, benches and whoever walks the set. */
export const ops = [
  addOp,
  attentionOp,
  concatOp,
  embeddingOp,
  geluOp,
  layerNormOp,
  linearOp,
  matmulOp,
  mulOp,
  reluOp,
  rmsNormOp,
  ropeOp,
  scaleOp,
  siluMulOp,
  sliceOp,
  softmaxOp,
  transposeOp,
  writeRowsOp,
] as readonly Op[]
