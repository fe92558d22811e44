import type { DType } from '@cria/dtypes'
import type { Device, Ranges, Shape, Tensor } from '@cria/tensor'
import { fixedIds } from '../inference/stream'
import { randomTensor } from '../synthetic/weights'

/** Random numbers of this shape. */
export const random = (device: Device, shape: Shape, dtype: DType = 'f32'): Tensor =>
  device.tensor(randomTensor(shape, dtype, -2, 1).data as Float32Array | Uint16Array | Uint8Array, shape, dtype)

/** Token ids below `vocab`, i32 [tokens]. */
export const ids = (device: Device, tokens: number, vocab: number): Tensor =>
  device.tensor(Int32Array.from(fixedIds(tokens, vocab)), [tokens])

/** The numbers from `start` on, i32 [count]: positions, or rows of a cache. */
export const range = (device: Device, start: number, count: number): Tensor =>
  device.tensor(
    Int32Array.from({ length: count }, (_, i) => start + i),
    [count],
  )

/** What the last `tokens` of a sequence of `context` tokens see: everything before them. */
export const causal = (device: Device, tokens: number, context: number): Ranges => {
  const first = context - tokens
  const seen = (tokens * (first + 1 + context)) / 2
  return {
    first: device.tensor(new Int32Array(tokens), [tokens]),
    last: range(device, first, tokens),
    span: context,
    seen,
  }
}
