import type { RopeScaling } from '@cria/layers'

/** YaRN's attention temperature, 0.1 ln(s) + 1 (Peng et al., 2023, equation 22). */
export const yarnAttentionFactor = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)

type Llama3Scaling = Extract<RopeScaling, { type: 'llama3' }>

interface Rotary {
  readonly headDim: number
  readonly theta: number
}

/** Rotations of each pair within `length` positions. */
const rotations = ({ headDim, theta }: Rotary, length: number): Float64Array =>
  Float64Array.from({ length: headDim / 2 }, (_, i) => (length * theta ** ((-2 * i) / headDim)) / (2 * Math.PI))

/**
 * What each pair's frequency is divided by under Llama 3.1's scaling, [headDim / 2]: GGUF files have these numbers as the
 * tensor `rope_freqs.weight`, and not the settings.
 */
export const ropeFactors = (scaling: Llama3Scaling, rotary: Rotary): Float32Array<ArrayBuffer> => {
  const { factor, low_freq_factor, high_freq_factor, original_max_seq_len } = scaling
  return Float32Array.from(rotations(rotary, original_max_seq_len), rotationCount => {
    const smooth = (rotationCount - low_freq_factor) / (high_freq_factor - low_freq_factor)
    const kept = Math.min(Math.max(smooth, 0), 1)
    return 1 / ((1 - kept) / factor + kept)
  })
}

const agree = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  for (let i = 0; i < a.length; i++) if (!(Math.abs(a[i] - b[i]) <= 1e-5 * Math.abs(b[i]))) return false
  return true
}

/** Every released model has these. */
const usual = { type: 'llama3', low_freq_factor: 1, high_freq_factor: 4 } as const

/** Original contexts that are tried: Llama 3's first, then every power of two up to a million. */
const originals = [8192, ...Array.from({ length: 18 }, (_, i) => 2 ** (i + 3))]

/**
 * The settings that give these factors; undefined if no settings do, because then the tensor means something else. The blended
 * factors fix the two limits for any original context, so any settings that give the same factors give the same model.
 */
export const llama3Scaling = (factors: ArrayLike<number>, rotary: Rotary): Llama3Scaling | undefined => {
  const factor = Math.max(...Array.from(factors))
  if (!(factor > 0 && factor < Infinity)) return undefined
  for (const original_max_seq_len of originals) {
    const scaling = { ...usual, factor, original_max_seq_len }
    if (agree(ropeFactors(scaling, rotary), factors)) return scaling
  }
  return fit(factors, factor, rotary)
}

/** Solves for the limits from the first and the last blended pair. */
const fit = (factors: ArrayLike<number>, factor: number, rotary: Rotary): Llama3Scaling | undefined => {
  const original_max_seq_len = originals[0]
  const rotationCounts = rotations(rotary, original_max_seq_len)
  const kept = Array.from(factors, given => (1 / given - 1 / factor) / (1 - 1 / factor))
  const blended = [...kept.keys()].filter(i => kept[i] > 1e-4 && kept[i] < 1 - 1e-4)
  if (blended.length < 2) return undefined
  const [first, last] = [blended[0], blended[blended.length - 1]]
  const width = (rotationCounts[first] - rotationCounts[last]) / (kept[first] - kept[last])
  const low_freq_factor = rotationCounts[last] - kept[last] * width
  const scaling = { ...usual, factor, low_freq_factor, high_freq_factor: low_freq_factor + width, original_max_seq_len }
  return low_freq_factor > 0 && width > 0 && agree(ropeFactors(scaling, rotary), factors) ? scaling : undefined
}
