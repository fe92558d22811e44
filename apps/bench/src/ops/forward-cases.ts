import type { DType } from '@cria/dtypes'
import {
  add,
  addBias,
  argMax,
  attention,
  attentionWeights,
  concat,
  copyRows,
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
  sample,
  scale,
  siluMul,
  slice,
  softmax,
  transpose,
  writeRows,
} from '@cria/tensor'
import { type OpCase, onRandom, size } from './case'
import { causal, ids, random, range } from './inputs'

const { dim, hidden, vocab, heads, headDim, context, eps } = size

const linearCase = (tokens: number, dtype: DType): OpCase => ({
  name: `linear ${dtype}`,
  op: 'linear',
  tokens,
  prepare: device => {
    const x = random(device, [tokens, dim])
    const weight = random(device, [hidden, dim], dtype)
    return () => linear(x, weight)
  },
})

const embeddingCase = (tokens: number, dtype: DType): OpCase => ({
  name: `embedding ${dtype}`,
  op: 'embedding',
  tokens,
  prepare: device => {
    const tokenIds = ids(device, tokens, vocab)
    const table = random(device, [vocab, dim], dtype)
    return () => embedding(tokenIds, table)
  },
})

/** Ops that read or write a cache, or know positions. */
const sequenceCases = (tokens: number): OpCase[] => {
  const x: Shape = [tokens, heads, headDim]
  const cache: Shape = [context, heads, headDim]
  const start = context - tokens
  const named = (op: string, prepare: OpCase['prepare']): OpCase => ({ name: op, op, tokens, prepare })
  return [
    named('attention', device => {
      const [q, k, v] = [x, cache, cache].map(shape => random(device, shape))
      const ranges = causal(device, tokens, context)
      return () => attention(q, k, v, ranges)
    }),
    named('attentionWeights', device => {
      const [q, k] = [x, cache].map(shape => random(device, shape))
      const ranges = causal(device, tokens, context)
      return () => attentionWeights(q, k, ranges)
    }),
    named('rope', device => {
      const h = random(device, x)
      const [cosines, sines] = [0, 1].map(() => random(device, [context, headDim / 2]))
      const positions = range(device, start, tokens)
      return () => rope(h, { cosines, sines }, positions, 'interleaved')
    }),
    named('writeRows', device => {
      const [target, source] = [cache, x].map(shape => random(device, shape))
      const rows = range(device, start, tokens)
      return () => writeRows(target, source, rows)
    }),
    named('copyRows', device => {
      const [target, source] = [cache, cache].map(shape => random(device, shape))
      return () => {
        copyRows(target, source, { from: 0, to: start, count: tokens })
        return target
      }
    }),
  ]
}

/** The ops of a forward pass over `tokens` tokens, with weights in each of these types. */
export const forwardCases = (tokens: number, weightTypes: readonly DType[]): OpCase[] => {
  const x: Shape = [tokens, dim]
  const wide: Shape = [tokens, hidden]
  return [
    ...weightTypes.flatMap(dtype => [linearCase(tokens, dtype), embeddingCase(tokens, dtype)]),
    ...sequenceCases(tokens),
    onRandom('rmsNorm', tokens, [x, [dim]], (h, weight) => rmsNorm(h, weight, eps)),
    onRandom('layerNorm', tokens, [x, [dim], [dim]], (h, weight, bias) => layerNorm(h, weight, bias, eps)),
    onRandom('siluMul', tokens, [wide, wide], siluMul),
    onRandom('gelu', tokens, [wide], gelu),
    onRandom('relu', tokens, [wide], relu),
    onRandom('softmax', tokens, [[tokens, vocab]], softmax),
    onRandom('argMax', tokens, [[tokens, vocab]], h => argMax(h)),
    onRandom('sample', tokens, [[tokens, vocab], [tokens]], (h, numbers) =>
      sample(h, numbers, { temperature: 0.6, topP: 0.9 }),
    ),
    onRandom('add', tokens, [x, x], add),
    onRandom('addBias', tokens, [x, [dim]], addBias),
    onRandom('mul', tokens, [x, x], mul),
    onRandom('scale', tokens, [x], h => scale(h, 0.5)),
    onRandom('slice', tokens, [wide], h => slice(h, { axis: 1, start: 0, length: dim })),
    onRandom('concat', tokens, [x, x], (a, b) => concat(a, b, 1)),
    onRandom('transpose', tokens, [[tokens, heads, headDim]], h => transpose(h, 0, 1)),
    onRandom('matmul', tokens, [x, [dim, dim]], (a, b) => matmul(a, b)),
  ]
}
