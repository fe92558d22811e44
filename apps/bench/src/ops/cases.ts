import type { WeightDType } from '@cria/checkpoint'
import {
  add,
  attention,
  concat,
  type Device,
  embedding,
  gelu,
  layerNorm,
  linear,
  matmul,
  mul,
  relu,
  rmsNorm,
  rope,
  type Shape,
  scale,
  siluMul,
  slice,
  softmax,
  type Tensor,
  transpose,
  writeRows,
} from '@cria/tensor'
import { fixedIds } from '../inference/stream'
import { counted } from '../report/format'
import { randomTensor } from '../synthetic/weights'

/** An op on inputs of the sizes that it has in a model of 110M parameters. */
export interface OpCase {
  /** As the report calls it: op, weights and tokens. */
  readonly name: string
  readonly op: string
  readonly tokens: number
  /** How its weight is stored, and how many of its numbers are read, if it has one that may be quantised. */
  readonly weight?: { readonly dtype: WeightDType; readonly read: number }
  /** Makes the inputs. What it gives runs the op on them, as often as it is called. */
  prepare(device: Device): () => Tensor
}

// stories110M: the sizes of one layer, and of a cache that holds 128 tokens once the case is done.
const DIM = 768
const HIDDEN = 2048
const VOCAB = 32_000
const HEADS = 12
const HEAD_DIM = 64
const CONTEXT = 128
const EPS = 1e-5

const random = (device: Device, shape: Shape, dtype: WeightDType = 'f32'): Tensor =>
  device.tensor(randomTensor(shape, dtype, -2, 1).data, shape, dtype)

/** A case whose inputs are random numbers of these shapes. */
const onRandom = (op: string, tokens: number, shapes: readonly Shape[], run: (...x: Tensor[]) => Tensor): OpCase => ({
  name: op,
  op,
  tokens,
  prepare: device => {
    const inputs = shapes.map(shape => random(device, shape))
    return () => run(...inputs)
  },
})

const linearCase = (tokens: number, dtype: WeightDType): OpCase => ({
  name: `linear ${dtype}`,
  op: 'linear',
  tokens,
  weight: { dtype, read: HIDDEN * DIM },
  prepare: device => {
    const x = random(device, [1, tokens, DIM])
    const weight = random(device, [HIDDEN, DIM], dtype)
    return () => linear(x, weight)
  },
})

const embeddingCase = (tokens: number, dtype: WeightDType): OpCase => ({
  name: `embedding ${dtype}`,
  op: 'embedding',
  tokens,
  weight: { dtype, read: tokens * DIM },
  prepare: device => {
    const ids = Float32Array.from(fixedIds(tokens, VOCAB))
    const tensor = device.tensor(ids, [1, tokens])
    const table = random(device, [VOCAB, DIM], dtype)
    return () => embedding(tensor, table)
  },
})

const casesOf = (tokens: number, weightTypes: readonly WeightDType[]): OpCase[] => {
  const x: Shape = [1, tokens, DIM]
  const wide: Shape = [1, tokens, HIDDEN]
  const heads: Shape = [1, tokens, HEADS, HEAD_DIM]
  const cache: Shape = [1, CONTEXT, HEADS, HEAD_DIM]
  const position = CONTEXT - tokens
  return [
    ...weightTypes.flatMap(dtype => [linearCase(tokens, dtype), embeddingCase(tokens, dtype)]),
    onRandom('attention', tokens, [heads, cache, cache], (q, k, v) => attention(q, k, v, { position })),
    onRandom('rope', tokens, [heads, [tokens, HEAD_DIM / 2], [tokens, HEAD_DIM / 2]], (h, cosines, sines) =>
      rope(h, cosines, sines, 'interleaved'),
    ),
    onRandom('writeRows', tokens, [cache, heads], (rows, h) => writeRows(rows, h, position)),
    onRandom('rmsNorm', tokens, [x, [DIM]], (h, weight) => rmsNorm(h, weight, EPS)),
    onRandom('layerNorm', tokens, [x, [DIM], [DIM]], (h, weight, bias) => layerNorm(h, weight, bias, EPS)),
    onRandom('siluMul', tokens, [wide, wide], siluMul),
    onRandom('gelu', tokens, [wide], gelu),
    onRandom('relu', tokens, [wide], relu),
    onRandom('softmax', tokens, [[tokens, VOCAB]], softmax),
    onRandom('add', tokens, [x, x], add),
    onRandom('mul', tokens, [x, x], mul),
    onRandom('scale', tokens, [x], h => scale(h, 0.5)),
    onRandom('slice', tokens, [wide], h => slice(h, { axis: 2, start: 0, length: DIM })),
    onRandom('concat', tokens, [x, x], (a, b) => concat(a, b, 2)),
    onRandom('transpose', tokens, [heads], h => transpose(h, 1, 2)),
    onRandom(
      'matmul',
      tokens,
      [
        [tokens, DIM],
        [DIM, DIM],
      ],
      (a, b) => matmul(a, b),
    ),
  ]
}

/** Every op for a token alone and for a prompt of 128, with weights in each of these types. */
export const opCases = (weightTypes: readonly WeightDType[]): OpCase[] =>
  [1, CONTEXT].flatMap(tokens => casesOf(tokens, weightTypes))

/** What tells a case from all others. */
export const titleOf = ({ name, tokens }: OpCase): string => `${name}, ${counted(tokens, 'token')}`
