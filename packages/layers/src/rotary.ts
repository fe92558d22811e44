import { type Device, type RopePairing, rope, type Tensor } from '@cria/tensor'
import { ConfigError } from './errors'

/** How angles are stretched past the context that a model was trained on. */
export type RopeScaling =
  /** Positions divided by a factor (Chen et al. 2023, position interpolation). */
  | { readonly type: 'linear'; readonly factor: number }
  /**
   * A base that grows once a sequence is longer than the original context (NTK-aware, dynamic). Keys that a cache holds
   * from before stay turned as they were.
   */
  | { readonly type: 'dynamic'; readonly factor: number; readonly original_max_seq_len: number }
  /** Interpolation by parts, with a temperature on attention (Peng et al. 2023, YaRN). */
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly original_max_seq_len: number
      /** Turns within the original context above which a pair keeps its frequency. */
      readonly beta_fast: number
      /** Turns below which a pair is interpolated fully. */
      readonly beta_slow: number
      /** What the turned queries and keys are multiplied with. */
      readonly attention_factor: number
    }

export interface RotaryOptions {
  /** Base of the angles; 10000 in LLaMA and LLaMA 2. */
  readonly theta?: number
  /** Which elements turn together: `interleaved` (Meta's checkpoints) or `halves` (Hugging Face's). */
  readonly pairing?: RopePairing
  readonly scaling?: RopeScaling | undefined
}

/** Cosines and sines of the angles at some positions, [time, headDim / 2] each. */
export interface RotaryAngles extends Disposable {
  readonly cosines: Tensor
  readonly sines: Tensor
}

/**
 * Rotary position embedding (Su et al. 2021): pair i of a head at position m turns by m·theta^(-2i/headDim), so that the
 * product of a query and a key depends on their distance alone. Angles are made in float64, for any position, on demand.
 */
export class RotaryEmbedding {
  readonly theta: number
  readonly pairing: RopePairing
  readonly scaling: RopeScaling | undefined

  /** @throws ConfigError for an odd head dim, which does not fall into pairs */
  constructor(
    readonly headDim: number,
    { theta = 10000, pairing = 'interleaved', scaling }: RotaryOptions = {},
  ) {
    if (!Number.isInteger(headDim / 2)) throw new ConfigError(`heads of ${headDim} do not fall into rotary pairs`)
    this.theta = theta
    this.pairing = pairing
    this.scaling = scaling
  }

  /** Angles at positions `position` to `position + time - 1`, made once for all layers of a forward pass. */
  angles(device: Device, position: number, time: number): RotaryAngles {
    const half = this.headDim / 2
    const frequencies = this.frequencies(position + time)
    const amplitude = this.scaling?.type === 'yarn' ? this.scaling.attention_factor : 1
    const table = (turn: (angle: number) => number) => {
      const values = new Float32Array(time * half)
      for (let t = 0; t < time; t++)
        for (let i = 0; i < half; i++) values[t * half + i] = amplitude * turn((position + t) * frequencies[i])
      return device.tensor(values, [time, half])
    }
    const cosines = table(Math.cos)
    const sines = table(Math.sin)
    return {
      cosines,
      sines,
      [Symbol.dispose]() {
        cosines.dispose()
        sines.dispose()
      },
    }
  }

  /** Radians that each pair turns a position, [headDim / 2], in a sequence of `length`. */
  frequencies(length: number): Float64Array {
    const { headDim, scaling } = this
    const plain = (theta: number) => Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim))
    if (!scaling) return plain(this.theta)
    if (scaling.type === 'linear') return plain(this.theta).map(frequency => frequency / scaling.factor)
    if (scaling.type === 'dynamic') {
      const stretch = Math.max(1, (scaling.factor * length) / scaling.original_max_seq_len - (scaling.factor - 1))
      return plain(this.theta * stretch ** (headDim / (headDim - 2)))
    }
    return this.#byParts(plain(this.theta), scaling)
  }

  /** YaRN, section 3.2: fast pairs keep their frequency, slow ones are interpolated, those between are blended. */
  #byParts(frequencies: Float64Array, scaling: Extract<RopeScaling, { type: 'yarn' }>): Float64Array {
    const { factor, original_max_seq_len, beta_fast, beta_slow } = scaling
    // The pair that turns `rotations` times within the original context.
    const pairOf = (rotations: number) =>
      (this.headDim * Math.log(original_max_seq_len / (rotations * 2 * Math.PI))) / (2 * Math.log(this.theta))
    const low = Math.max(Math.floor(pairOf(beta_fast)), 0)
    const high = Math.min(Math.ceil(pairOf(beta_slow)), this.headDim - 1)
    return frequencies.map((frequency, i) => {
      const interpolated = Math.min(Math.max((i - low) / Math.max(high - low, 0.001), 0), 1)
      return (frequency / factor) * interpolated + frequency * (1 - interpolated)
    })
  }

  /** @param x [batch, time, heads, headDim] @throws ShapeError */
  forward(x: Tensor, { cosines, sines }: RotaryAngles): Tensor {
    return rope(x, cosines, sines, this.pairing)
  }
}
