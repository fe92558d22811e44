import type { DType } from '@cria/dtypes'
import {
  argMax,
  attention,
  type Device,
  embedding,
  linearAdd,
  normGatedLinear,
  normLinear,
  projectHeads,
  type Tensor,
} from '../src'
import { Draw } from './cases'

export const LAYERS = 3
const [DIM, HEADS, KV_HEADS, HEAD_DIM, HIDDEN, VOCAB, ROWS] = [64, 4, 2, 16, 96, 200, 32]

/** LLaMA of random weights, by its ops alone. */
export class TinyLlama implements Disposable {
  readonly #scope
  readonly #table
  readonly #layers
  readonly #norm
  readonly #angles

  constructor(
    private readonly device: Device,
    cacheType: DType,
  ) {
    const draw = new Draw(11)
    this.#scope = device.scope()
    const weight = (...shape: number[]) =>
      device.tensor(
        Float32Array.from(draw.normal(...shape).data).map(x => x / 6),
        shape,
      )
    const ones = () => device.tensor(new Float32Array(DIM).fill(1), [DIM])
    this.#table = weight(VOCAB, DIM)
    this.#norm = ones()
    this.#layers = Array.from({ length: LAYERS }, () => ({
      ...{
        attentionNorm: ones(),
        norm: ones(),
        wq: weight(HEADS * HEAD_DIM, DIM),
        wk: weight(KV_HEADS * HEAD_DIM, DIM),
      },
      ...{ wv: weight(KV_HEADS * HEAD_DIM, DIM), wo: weight(DIM, HEADS * HEAD_DIM) },
      ...{ w1: weight(HIDDEN, DIM), w2: weight(DIM, HIDDEN), w3: weight(HIDDEN, DIM) },
      keys: device.zeros([ROWS, KV_HEADS, HEAD_DIM], cacheType),
      values: device.zeros([ROWS, KV_HEADS, HEAD_DIM], cacheType),
    }))
    const angle = (i: number) => Math.floor(i / 8) * 10_000 ** (-(i % 8) / 8)
    const angles = (turn: (angle: number) => number) =>
      device.tensor(
        Float32Array.from({ length: ROWS * 8 }, (_, i) => turn(angle(i))),
        [ROWS, 8],
      )
    this.#angles = { cosines: angles(Math.cos), sines: angles(Math.sin) }
  }

  /** Enqueues a step. @returns i32 [1], the next token */
  step(id: number, position: number): Tensor {
    const { device } = this
    using scope = device.scope()
    const [ids, positions, rows, first, last] = device.tensors(
      [id, position, position, 0, position].map(value => ({ data: Int32Array.of(value), shape: [1] })),
    )
    let x = embedding(ids, this.#table)
    for (const { keys, values, attentionNorm, norm, wq, wk, wv, wo, w1, w2, w3 } of this.#layers) {
      const places = { angles: this.#angles, positions, keys, values, rows }
      const attributes = { eps: 1e-5, headDim: HEAD_DIM, pairing: 'interleaved' } as const
      const q = projectHeads(x, { norm: attentionNorm, wq, wk, wv, ...places }, attributes)
      const seen = position + 1
      const mixed = attention(q, keys, values, { first, last, span: seen, seen })
      const h = linearAdd(mixed.reshape(1, HEADS * HEAD_DIM), wo, x)
      x = linearAdd(normGatedLinear(h, norm, w1, w3, 1e-5), w2, h)
    }
    return scope.keep(argMax(normLinear(x, this.#norm, this.#table, 1e-5)))
  }

  [Symbol.dispose](): void {
    this.#scope.dispose()
  }
}
