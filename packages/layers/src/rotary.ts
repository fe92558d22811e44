import { type Device, type RopePairing, rope, type Tensor } from '@cria/tensor'
import { ConfigError } from './errors'
import { Module } from './module'

/** How angles are stretched past the context that a model was trained on. */
export type RopeScaling =
  /** Positions divided by a factor (Chen et al. 2023, position interpolation). */
  | { readonly type: 'linear'; readonly factor: number }
  /**
   * A base that grows when a sequence is longer than the original context (NTK-aware, dynamic). All tokens of a prompt are rotated
   * for the length of the whole prompt, each later token for its own length. Keys in a cache do not change.
   */
  | { readonly type: 'dynamic'; readonly factor: number; readonly original_max_seq_len: number }
  /** Interpolation by parts, with a temperature on attention (Peng et al. 2023, YaRN). */
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly original_max_seq_len: number
      /** A pair keeps its frequency if it makes more rotations than this within the original context. */
      readonly beta_fast: number
      /** A pair is interpolated fully if it makes fewer rotations than this. */
      readonly beta_slow: number
      /** Factor of the rotated queries and keys. */
      readonly attention_factor: number
    }
  /** Slow pairs divided by a factor, fast ones kept, those between blended (Llama 3.1). */
  | {
      readonly type: 'llama3'
      readonly factor: number
      /** A pair is slow if it makes fewer rotations than this within the original context. */
      readonly low_freq_factor: number
      /** A pair is fast if it makes more rotations than this. */
      readonly high_freq_factor: number
      readonly original_max_seq_len: number
    }

export interface RotaryOptions {
  /** Base of the angles; 10000 in LLaMA and LLaMA 2. */
  readonly theta?: number | undefined
  /** Which elements form a pair: `interleaved` (Meta's checkpoints) or `halves` (Hugging Face's). */
  readonly pairing?: RopePairing | undefined
  readonly scaling?: RopeScaling | undefined
}

/** Cosines and sines of angles, [rows, headDim / 2] each, and the row of each token. */
export interface RotaryAngles {
  readonly cosines: Tensor
  readonly sines: Tensor
  /** The row of the tables that each token reads, [N]. */
  readonly rows: Int32Array
  /** Frees tables that were made for one pass, and keeps resident ones. */
  dispose(): void
}

interface Table {
  readonly length: number
  readonly cosines: Tensor
  readonly sines: Tensor
}

/** Positions of the smallest table; a longer one is as long as the power of two that holds it. */
const SHORTEST_TABLE = 256

/**
 * Rotary position embedding (Su et al. 2021): pair i of a head at position m is rotated by m·theta^(-2i/headDim), so that the
 * product of a query and a key depends only on their distance. Angles are computed in float64. Their table stays on the device
 * and grows with the longest position seen.
 */
export class RotaryEmbedding extends Module {
  readonly theta: number
  readonly pairing: RopePairing
  readonly scaling: RopeScaling | undefined
  readonly #tables = new Map<Device, Table>()

  /** @throws ConfigError for an odd head dim: its elements do not form pairs */
  constructor(
    readonly headDim: number,
    { theta = 10000, pairing = 'interleaved', scaling }: RotaryOptions = {},
  ) {
    super()
    if (!Number.isInteger(headDim / 2)) throw new ConfigError(`heads of ${headDim} do not form rotary pairs`)
    this.theta = theta
    this.pairing = pairing
    this.scaling = scaling
  }

  /**
   * Angles for the tokens of a pass.
   * @param positions of the tokens in their sequences, [N]
   * @param lengths of the sequences that they belong to, after all tokens of the same request; [N]. Only dynamic scaling reads
   * them, so that its angles do not depend on how a prompt is cut into passes.
   */
  angles(device: Device, positions: Int32Array, lengths: Int32Array): RotaryAngles {
    const { scaling } = this
    if (scaling?.type === 'dynamic' && lengths.some(length => length > scaling.original_max_seq_len))
      return this.#anglesOfPass(device, positions, lengths)
    let last = 0
    for (const position of positions) if (position > last) last = position
    const { cosines, sines } = this.#resident(device, last + 1)
    return { cosines, sines, rows: positions, dispose() {} }
  }

  /** Frees the tables. */
  override dispose(): void {
    for (const { cosines, sines } of this.#tables.values()) {
      cosines.dispose()
      sines.dispose()
    }
    this.#tables.clear()
  }

  #resident(device: Device, length: number): Table {
    const found = this.#tables.get(device)
    if (found && found.length >= length && !found.cosines.disposed) return found
    const rows = Math.max(SHORTEST_TABLE, 2 ** Math.ceil(Math.log2(length)))
    const frequencies = this.frequencies(0)
    const table = { length: rows, ...this.#upload(device, rows, (row, i) => row * frequencies[i]) }
    table.cosines.moveTo(undefined)
    table.sines.moveTo(undefined)
    found?.cosines.dispose()
    found?.sines.dispose()
    this.#tables.set(device, table)
    return table
  }

  /** A row for each token, whose frequencies depend on the length of its sequence. */
  #anglesOfPass(device: Device, positions: Int32Array, lengths: Int32Array): RotaryAngles {
    const byLength = new Map<number, Float64Array>()
    const frequenciesOf = (length: number) => {
      const found = byLength.get(length) ?? this.frequencies(length)
      byLength.set(length, found)
      return found
    }
    const angle = (token: number, i: number) => positions[token] * frequenciesOf(lengths[token])[i]
    const { cosines, sines } = this.#upload(device, positions.length, angle)
    return {
      cosines,
      sines,
      rows: Int32Array.from(positions, (_, token) => token),
      dispose() {
        cosines.dispose()
        sines.dispose()
      },
    }
  }

  #upload(device: Device, rows: number, angle: (row: number, i: number) => number) {
    const half = this.headDim / 2
    const amplitude = this.scaling?.type === 'yarn' ? this.scaling.attention_factor : 1
    const cosines = new Float32Array(rows * half)
    const sines = new Float32Array(rows * half)
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < half; i++) {
        const turned = angle(row, i)
        cosines[row * half + i] = amplitude * Math.cos(turned)
        sines[row * half + i] = amplitude * Math.sin(turned)
      }
    return { cosines: device.tensor(cosines, [rows, half]), sines: device.tensor(sines, [rows, half]) }
  }

  /** The rotation of each pair from one position to the next in radians, [headDim / 2], in a sequence of `length` tokens. */
  frequencies(length: number): Float64Array {
    const { headDim, scaling } = this
    const plain = (theta: number) => Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim))
    if (!scaling) return plain(this.theta)
    if (scaling.type === 'linear') return plain(this.theta).map(frequency => frequency / scaling.factor)
    if (scaling.type === 'dynamic') {
      const stretch = Math.max(1, (scaling.factor * length) / scaling.original_max_seq_len - (scaling.factor - 1))
      return plain(this.theta * stretch ** (headDim / (headDim - 2)))
    }
    if (scaling.type === 'llama3') {
      const { factor, low_freq_factor, high_freq_factor, original_max_seq_len } = scaling
      return plain(this.theta).map(frequency => {
        const rotations = (original_max_seq_len * frequency) / (2 * Math.PI)
        const smooth = (rotations - low_freq_factor) / (high_freq_factor - low_freq_factor)
        const kept = Math.min(Math.max(smooth, 0), 1)
        return (frequency / factor) * (1 - kept) + frequency * kept
      })
    }
    return this.#byParts(plain(this.theta), scaling)
  }

  /** YaRN, section 3.2: fast pairs keep their frequency, slow ones are interpolated, those between are blended. */
  #byParts(frequencies: Float64Array, scaling: Extract<RopeScaling, { type: 'yarn' }>): Float64Array {
    const { factor, original_max_seq_len, beta_fast, beta_slow } = scaling
    // The pair that makes `rotations` rotations within the original context.
    const pairOf = (rotations: number) =>
      (this.headDim * Math.log(original_max_seq_len / (rotations * 2 * Math.PI))) / (2 * Math.log(this.theta))
    const low = Math.max(Math.floor(pairOf(beta_fast)), 0)
    const high = Math.min(Math.ceil(pairOf(beta_slow)), this.headDim - 1)
    return frequencies.map((frequency, i) => {
      const interpolated = Math.min(Math.max((i - low) / Math.max(high - low, 0.001), 0), 1)
      return (frequency / factor) * interpolated + frequency * (1 - interpolated)
    })
  }

  /**
   * @param x f32 [N, heads, headDim]
   * @param tables as {@link angles} gives them
   * @param rows i32 [N], the uploaded rows of the tables
   * @throws ShapeError
   */
  forward(x: Tensor, tables: Pick<RotaryAngles, 'cosines' | 'sines'>, rows: Tensor): Tensor {
    return rope(x, tables, rows, this.pairing)
  }
}
