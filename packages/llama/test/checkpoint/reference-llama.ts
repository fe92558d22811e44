import type { ResolvedConfig } from '../../src/config'

/**
 * LLaMA's forward pass as loops in float64, over Meta's weights: an oracle for layouts, too slow for anything else.
 * Legend: T tokens, D dim, H heads, K kv heads, C head dim.
 */

type Weights = ReadonlyMap<string, Float32Array>

/** [rows, D] weights times a vector of D, plus a bias of [rows]. */
const linear = (weight: Float32Array, x: Float64Array, bias?: Float32Array): Float64Array => {
  const out = Float64Array.from({ length: weight.length / x.length }, (_, r) => bias?.[r] ?? 0)
  for (let r = 0; r < out.length; r++) for (let i = 0; i < x.length; i++) out[r] += weight[r * x.length + i] * x[i]
  return out
}

const rmsNorm = (x: Float64Array, weight: Float32Array, eps: number): Float64Array => {
  const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + eps)
  return x.map((value, i) => value * scale * weight[i])
}

/** Angle of each pair for a step of one position, and the factor of the rotated values. */
const rotary = ({ head_dim: head, rope_theta, rope_scaling: scaling }: ResolvedConfig, tokens: number) => {
  let theta = rope_theta
  if (scaling?.type === 'dynamic' && tokens > scaling.original_max_seq_len) {
    const { factor, original_max_seq_len } = scaling
    theta *= ((factor * tokens) / original_max_seq_len - (factor - 1)) ** (head / (head - 2))
  }
  const plain = Float64Array.from({ length: head / 2 }, (_, i) => theta ** ((-2 * i) / head))
  if (scaling?.type === 'linear') return { steps: plain.map(step => step / scaling.factor), factor: 1 }
  if (scaling?.type === 'llama3') {
    // By wavelengths, as transformers' _compute_llama3_parameters.
    const { factor, low_freq_factor: low, high_freq_factor: high, original_max_seq_len: original } = scaling
    const steps = plain.map(step => {
      const wavelength = (2 * Math.PI) / step
      if (wavelength < original / high) return step
      if (wavelength > original / low) return step / factor
      const smooth = (original / wavelength - low) / (high - low)
      return ((1 - smooth) * step) / factor + smooth * step
    })
    return { steps, factor: 1 }
  }
  if (scaling?.type !== 'yarn') return { steps: plain, factor: 1 }
  const dimensionOf = (rotations: number) =>
    (head * Math.log(scaling.original_max_seq_len / (rotations * 2 * Math.PI))) / (2 * Math.log(theta))
  const low = Math.max(Math.floor(dimensionOf(scaling.beta_fast)), 0)
  const high = Math.min(Math.ceil(dimensionOf(scaling.beta_slow)), head - 1)
  const steps = plain.map((step, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high === low ? 0.001 : high - low)))
    return (step / scaling.factor) * ramp + step * (1 - ramp)
  })
  return { steps, factor: scaling.attention_factor }
}

/** Rotates the pairs (2i, 2i + 1) of every head. */
const rotate = (x: Float64Array, position: number, { steps, factor }: ReturnType<typeof rotary>): Float64Array => {
  const out = new Float64Array(x.length)
  for (let pair = 0; pair < x.length / 2; pair++) {
    const angle = position * steps[pair % steps.length]
    const [cos, sin] = [Math.cos(angle) * factor, Math.sin(angle) * factor]
    out[2 * pair] = x[2 * pair] * cos - x[2 * pair + 1] * sin
    out[2 * pair + 1] = x[2 * pair] * sin + x[2 * pair + 1] * cos
  }
  return out
}

/** Attention of one token's queries [H · C] over the keys and values [K · C] of all tokens up to it. */
const attend = (
  q: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  config: ResolvedConfig,
) => {
  const { n_heads, n_kv_heads, head_dim: head } = config
  const out = new Float64Array(n_heads * head)
  for (let h = 0; h < n_heads; h++) {
    const from = Math.floor(h / (n_heads / n_kv_heads)) * head
    const scores = keys.map(k => {
      let dot = 0
      for (let i = 0; i < head; i++) dot += q[h * head + i] * k[from + i]
      return dot / Math.sqrt(head)
    })
    const largest = Math.max(...scores)
    const weights = scores.map(score => Math.exp(score - largest))
    const sum = weights.reduce((a, b) => a + b)
    for (let i = 0; i < head; i++) {
      out[h * head + i] = values.reduce((total, v, t) => total + (weights[t] / sum) * v[from + i], 0)
    }
  }
  return out
}

const add = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i])

/** Logits [vocab] of the last of these tokens. */
export const referenceLogits = (config: ResolvedConfig, weights: Weights, ids: readonly number[]): Float64Array => {
  const weight = (name: string) => {
    const found = weights.get(`${name}.weight`)
    if (!found) throw new Error(`no ${name}`)
    return found
  }
  const { dim, n_layers, norm_eps, tied_output } = config
  const angles = rotary(config, ids.length)
  const embedding = weight('tok_embeddings')
  let states = ids.map(id => Float64Array.from(embedding.subarray(id * dim, (id + 1) * dim)))
  for (let layer = 0; layer < n_layers; layer++) {
    const at = (name: string) => weight(`layers.${layer}.${name}`)
    const project = (name: string, x: Float64Array) => linear(at(name), x, weights.get(`layers.${layer}.${name}.bias`))
    const normed = states.map(x => rmsNorm(x, at('attention_norm'), norm_eps))
    const keys = normed.map((x, t) => rotate(project('attention.wk', x), t, angles))
    const values = normed.map(x => project('attention.wv', x))
    states = states.map((x, t) => {
      const q = rotate(project('attention.wq', normed[t]), t, angles)
      return add(x, project('attention.wo', attend(q, keys.slice(0, t + 1), values.slice(0, t + 1), config)))
    })
    states = states.map(x => {
      const y = rmsNorm(x, at('ffn_norm'), norm_eps)
      const up = project('feed_forward.w3', y)
      const gated = project('feed_forward.w1', y).map((value, i) => (value / (1 + Math.exp(-value))) * up[i])
      return add(x, project('feed_forward.w2', gated))
    })
  }
  const last = rmsNorm(states[states.length - 1], weight('norm'), norm_eps)
  return linear(tied_output ? embedding : weight('output'), last)
}
