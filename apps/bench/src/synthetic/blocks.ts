import { type DType, dtypes, floatToHalf } from '@cria/dtypes'

/** Where a block keeps its f16 scale (and minimum), and what random bits in all other bytes decode to. */
interface BlockLayout {
  /** Offset of the scale. */
  readonly scale: number
  /** Offset of the minimum, if the type has one, and the minimum that makes the mean 0, in scales. */
  readonly minimum?: { readonly at: number; readonly scales: number }
  /** Standard deviation of the decoded values, in scales. */
  readonly deviation: number
}

/** Scales, minima and quants of random bits are uniform, so mean and deviation follow from the formats' definitions. */
const layouts: Partial<Readonly<Record<DType, BlockLayout>>> = {
  q4_0: { scale: 0, deviation: 4.6 },
  q4_1: { scale: 0, minimum: { at: 2, scales: -7.5 }, deviation: 4.6 },
  q5_0: { scale: 0, deviation: 9.2 },
  q5_1: { scale: 0, minimum: { at: 2, scales: -15.5 }, deviation: 9.2 },
  q8_0: { scale: 0, deviation: 73.6 },
  iq4_nl: { scale: 0, deviation: 67.4 },
  // These subtract the minimum times a quantised one.
  q2_k: { scale: 80, minimum: { at: 82, scales: 1.5 }, deviation: 13.9 },
  q3_k: { scale: 108, deviation: 43.3 },
  q4_k: { scale: 0, minimum: { at: 2, scales: 7.5 }, deviation: 258 },
  q5_k: { scale: 0, minimum: { at: 2, scales: 15.5 }, deviation: 527 },
  q6_k: { scale: 208, deviation: 1366 },
  iq4_xs: { scale: 0, deviation: 1246 },
}

/** The block types that synthetic models can have. */
export const blockTypes = Object.keys(layouts) as readonly DType[]

/** Turns random bytes into blocks of this type whose values have the given standard deviation and a mean near 0. */
export const shapeBlocks = (dtype: DType, bytes: Uint8Array, deviation: number): void => {
  const layout = layouts[dtype]
  if (!layout) throw new RangeError(`${dtype} is not a type of blocks`)
  const { blockBytes } = dtypes[dtype]
  const d = deviation / layout.deviation
  const scale = floatToHalf(d)
  const { minimum } = layout
  const lowest = floatToHalf(d * (minimum?.scales ?? 0))
  for (let at = 0; at < bytes.length; at += blockBytes) {
    bytes[at + layout.scale] = scale & 255
    bytes[at + layout.scale + 1] = scale >> 8
    if (!minimum) continue
    bytes[at + minimum.at] = lowest & 255
    bytes[at + minimum.at + 1] = lowest >> 8
  }
  // q8_0's quants go from -127 to 127.
  if (dtype === 'q8_0') for (let i = 0; i < bytes.length; i++) if (i % 34 > 1 && bytes[i] === 128) bytes[i] = 129
}
