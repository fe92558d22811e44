import type { DType } from './dtypes'

/** A finite value beyond the range of a type, or in a block a value that is not finite. */
export class EncodingError extends RangeError {
  override readonly name = 'EncodingError'

  constructor(
    readonly dtype: DType,
    readonly value: number,
  ) {
    super(`${dtype} cannot hold ${value}${dtype === 'bf16' ? '' : ' (f16 values and scales end at 65504)'}; use f32`)
  }
}
