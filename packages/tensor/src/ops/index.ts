import type { Op } from '../op'
import { adamwOp, clipFactorOp, globalNormOp } from './adamw'
import { addOp } from './add'
import { addBiasOp, sumRowsOp } from './add-bias'
import { argMaxOp } from './arg-max'
import { attentionOp, attentionWeightsOp } from './attention'
import { attentionBackwardOp } from './attention-backward'
import { concatOp } from './concat'
import { copyRowsOp } from './copy-rows'
import { crossEntropyBackwardOp, crossEntropyOp } from './cross-entropy'
import { embeddingBackwardOp, embeddingOp } from './embedding'
import { geluBackwardOp, geluOp } from './gelu'
import { layerNormBackwardOp, layerNormOp } from './layer-norm'
import { linearOp } from './linear'
import { linearAddOp } from './linear-add'
import { matmulOp } from './matmul'
import { mulOp } from './mul'
import { normGatedLinearOp } from './norm-gated-linear'
import { normLinearOp } from './norm-linear'
import { projectHeadsOp } from './project-heads'
import { reluBackwardOp, reluOp } from './relu'
import { reshapeOp } from './reshape'
import { rmsNormBackwardOp, rmsNormOp } from './rms-norm'
import { ropeOp } from './rope'
import { sampleOp } from './sample'
import { scaleOp } from './scale'
import { siluMulBackwardOp, siluMulOp } from './silu-mul'
import { padOp, sliceOp } from './slice'
import { softmaxBackwardOp, softmaxOp } from './softmax'
import { expandOp, sumOp } from './sum'
import { transposeOp } from './transpose'
import { writeRowsOp } from './write-rows'

export { type AdamWAttributes, adamw, clipFactor, globalNorm } from './adamw'
export { add } from './add'
export { addBias } from './add-bias'
export { argMax } from './arg-max'
export { attention, attentionWeights, type Ranges } from './attention'
export type { AttentionAttributes } from './attention-shape'
export { concat } from './concat'
export { type CopyRowsAttributes, copyRows } from './copy-rows'
export { crossEntropy } from './cross-entropy'
export { embedding } from './embedding'
export { gelu } from './gelu'
export { layerNorm } from './layer-norm'
export { linear } from './linear'
export { linearAdd } from './linear-add'
export { type MatmulAttributes, matmul } from './matmul'
export { mul } from './mul'
export { normGatedLinear } from './norm-gated-linear'
export { normLinear } from './norm-linear'
export { type HeadProjection, type ProjectionAttributes, projectHeads } from './project-heads'
export { relu } from './relu'
export { rmsNorm } from './rms-norm'
export { type RopePairing, rope } from './rope'
export { sample } from './sample'
export { scale } from './scale'
export { siluMul } from './silu-mul'
export { type SliceAttributes, slice } from './slice'
export { softmax } from './softmax'
export { mean, sum } from './sum'
export { transpose } from './transpose'
export { writeRows } from './write-rows'

/** Every op. */
export const ops: readonly Op[] = [
  adamwOp,
  addBiasOp,
  addOp,
  argMaxOp,
  attentionBackwardOp,
  attentionOp,
  attentionWeightsOp,
  clipFactorOp,
  concatOp,
  copyRowsOp,
  crossEntropyBackwardOp,
  crossEntropyOp,
  embeddingBackwardOp,
  embeddingOp,
  expandOp,
  geluBackwardOp,
  geluOp,
  globalNormOp,
  layerNormBackwardOp,
  layerNormOp,
  linearAddOp,
  linearOp,
  matmulOp,
  mulOp,
  normGatedLinearOp,
  normLinearOp,
  padOp,
  projectHeadsOp,
  reluBackwardOp,
  reluOp,
  reshapeOp,
  rmsNormBackwardOp,
  rmsNormOp,
  ropeOp,
  sampleOp,
  scaleOp,
  siluMulBackwardOp,
  siluMulOp,
  sliceOp,
  softmaxBackwardOp,
  softmaxOp,
  sumOp,
  sumRowsOp,
  transposeOp,
  writeRowsOp,
] as readonly Op[]
