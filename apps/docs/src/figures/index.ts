import { openDevice } from '@cria/tensor'
import { activationCurves, normalised } from './layers'
import { mixtureEpochs, mixtureOrder } from './mixture'
import type { Figure } from './plot'
import { rotaryPairs, rotaryScores } from './rotary'
import { cacheSizes } from './sizes'
import { mergeSteps, vocabularySizes } from './tokenizer'
import { learningRate, trainingLoss } from './training'

export type { Figure } from './plot'

export type Figures = ReadonlyMap<string, Figure>

/** Computes and draws every figure of the site, by name. */
export async function drawFigures(): Promise<Figures> {
  await using device = await openDevice('cpu')
  return new Map([
    ['mixture-epochs', mixtureEpochs()],
    ['mixture-order', await mixtureOrder()],
    ['merge-steps', await mergeSteps()],
    ['vocabulary-sizes', await vocabularySizes()],
    ['normalised', await normalised(device)],
    ['activations', await activationCurves(device)],
    ['rotary-pairs', await rotaryPairs(device)],
    ['rotary-scores', await rotaryScores(device)],
    ['cache-sizes', await cacheSizes()],
    ['learning-rate', learningRate()],
    ['training-loss', trainingLoss()],
  ])
}
