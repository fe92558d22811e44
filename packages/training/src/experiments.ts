export {
  type CompareOptions,
  type Comparison,
  compare,
  type ExperimentText,
  type Summary,
  summarise,
  type TrainedVariant,
  type Variant,
  verdict,
} from './experiments/compare'
export { decayBound, meanScore, relativeChange } from './experiments/rope'
export { baseSizes, plainWidth, withKvHeads } from './experiments/sizes'
export { decodeSpeeds, type NormTime, normTimes } from './experiments/timing'
export { type VariantChoices, VariantModel, type VariantSizes } from './experiments/variant-model'
export { deviation, type Interval, interval95, mean, pairedDifference } from './statistics'
