import type { VariantSizes } from '@cria/training/experiments'
import { maxNorm, normEps, optimizer, rotaryTables } from './peer'

// Shapes: B rows, T tokens of a row, N = B · T, D dim, H heads, K kv heads, G = H / K, C width of a head, V vocabulary.

// An array of jax-js belongs to the function that it is given to. `ref` keeps it for another use.

export interface JaxArray {
  readonly ref: JaxArray
  readonly shape: readonly number[]
  add(other: Value): JaxArray
  sub(other: Value): JaxArray
  mul(other: Value): JaxArray
  div(other: Value): JaxArray
  equal(other: JaxArray): JaxArray
  sum(axis?: number): JaxArray
  reshape(shape: readonly number[]): JaxArray
  transpose(axes: readonly number[]): JaxArray
  data(): Promise<Float32Array>
  dispose(): void
}

type Value = JaxArray | number

/** Arrays by the path of their parameter. */
export type Parameters = Record<string, JaxArray>

/** The part of jax-js that is used. */
export interface JaxJs {
  defaultDevice(device: 'wasm'): string
  jit<Arguments extends unknown[], Result>(run: (...all: Arguments) => Result): (...all: Arguments) => Result
  valueAndGrad(
    run: (weights: Parameters, ids: JaxArray, targets: JaxArray) => JaxArray,
  ): (weights: Parameters, ids: JaxArray, targets: JaxArray) => [JaxArray, Parameters]
  blockUntilReady<T>(arrays: T): Promise<T>
  readonly tree: { ref<T>(arrays: T): T; dispose(arrays: unknown): void }
  readonly numpy: {
    array(values: Float32Array | Int32Array, options?: { readonly shape: readonly number[] }): JaxArray
    zeros(shape: readonly number[]): JaxArray
    arange(stop: number): JaxArray
    tri(rows: number, columns: number, offset: number, options: { readonly dtype: 'bool' }): JaxArray
    tile(x: JaxArray, times: readonly number[]): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
    matrixTranspose(x: JaxArray): JaxArray
    take(x: JaxArray, indices: JaxArray, axis: number): JaxArray
    flip(x: JaxArray, axis: number): JaxArray
    where(condition: JaxArray, a: Value, b: Value): JaxArray
    mean(x: JaxArray, axis: number, options: { readonly keepdims: boolean }): JaxArray
    minimum(a: Value, b: Value): JaxArray
    reciprocal(x: JaxArray): JaxArray
    sqrt(x: JaxArray): JaxArray
    square(x: JaxArray): JaxArray
  }
  readonly nn: {
    silu(x: JaxArray): JaxArray
    logsumexp(x: JaxArray, axis: number): JaxArray
    softmax(x: JaxArray, axis: number): JaxArray
  }
}

/** What a step changes, and the arrays that it makes of it. */
export interface JaxState {
  readonly weights: Parameters
  readonly m: Parameters
  readonly v: Parameters
}

/** What the bias of Adam's means is corrected with: 1 / (1 − βᵗ), two scalars of the step. */
export interface Corrections {
  readonly m: JaxArray
  readonly v: JaxArray
}

/** A training step of a LLaMA in jax-js, compiled as a whole. */
export const jaxStep = ({ jit, valueAndGrad, numpy: np, nn, tree }: JaxJs, size: VariantSizes) => {
  const { dim, n_layers, n_heads, n_kv_heads, vocab_size, max_seq_len } = size
  const width = dim / n_heads
  const tables = rotaryTables(size)
  const tableOf = (values: Float32Array) => np.array(values, { shape: [max_seq_len, 1, width / 2, 2] })
  const cosines = tableOf(tables.cosines)
  const sines = tableOf(tables.sines)

  /** [G · T, T]: where a token sees another. */
  const visible = np.tile(np.tri(max_seq_len, max_seq_len, 0, { dtype: 'bool' }), [n_heads / n_kv_heads, 1])

  /** [B, T, heads, C] → [B, K, heads / K · T, C]: the query heads of a kv head lie below each other. */
  const byKvHead = (x: JaxArray): JaxArray =>
    x.transpose([0, 2, 1, 3]).reshape([-1, n_kv_heads, (x.shape[2] / n_kv_heads) * max_seq_len, width])

  /** [N, I] · [O, I]ᵀ */
  const linear = (x: JaxArray, weight: JaxArray): JaxArray => np.matmul(x, np.matrixTranspose(weight))

  const rmsNorm = (x: JaxArray, weight: JaxArray): JaxArray => {
    const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true })
    return x.mul(np.reciprocal(np.sqrt(meanSquare.add(normEps)))).mul(weight)
  }

  /** [B, T, heads, C] */
  const rotate = (x: JaxArray): JaxArray => {
    const { shape } = x
    const pairs = x.reshape([...shape.slice(0, -1), width / 2, 2])
    return pairs.ref.mul(cosines.ref).add(np.flip(pairs, -1).mul(sines.ref)).reshape(shape)
  }

  const lossOf = (weights: Parameters, ids: JaxArray, targets: JaxArray): JaxArray => {
    const tokens = ids.shape[0]
    const weight = (path: string): JaxArray => weights[`${path}.weight`].ref

    const attention = (x: JaxArray, layer: string): JaxArray => {
      const of = (name: string, heads: number) =>
        linear(x.ref, weight(`${layer}.attention.${name}`)).reshape([-1, max_seq_len, heads, width])
      const q = byKvHead(rotate(of('wq', n_heads))) // [B, K, G · T, C]
      const k = byKvHead(rotate(of('wk', n_kv_heads))) // [B, K, T, C]
      const v = byKvHead(of('wv', n_kv_heads))
      x.dispose()
      const scores = linear(q, k).mul(1 / Math.sqrt(width)) // [B, K, G · T, T]
      const shares = nn.softmax(np.where(visible.ref, scores, -1e9), -1)
      const y = np.matmul(shares, v).reshape([-1, n_heads, max_seq_len, width])
      return linear(y.transpose([0, 2, 1, 3]).reshape([tokens, dim]), weight(`${layer}.attention.wo`))
    }

    const feedForward = (x: JaxArray, layer: string): JaxArray => {
      const of = (name: string, x: JaxArray) => linear(x, weight(`${layer}.feed_forward.${name}`))
      const gate = nn.silu(of('w1', x.ref))
      return of('w2', gate.mul(of('w3', x)))
    }

    let h = np.take(weight('tok_embeddings'), ids, 0) // [N, D]
    for (let i = 0; i < n_layers; i++) {
      const layer = `layers.${i}`
      h = h.ref.add(attention(rmsNorm(h, weight(`${layer}.attention_norm`)), layer))
      h = h.ref.add(feedForward(rmsNorm(h, weight(`${layer}.ffn_norm`)), layer))
    }
    const logits = linear(rmsNorm(h, weight('norm')), weight('tok_embeddings')) // [N, V]
    const expected = np.arange(vocab_size).equal(targets.reshape([tokens, 1])) // [N, V]
    const score = np.where(expected, logits.ref, 0).sum(-1)
    tree.dispose(weights)
    return nn.logsumexp(logits, -1).sub(score).sum().div(tokens)
  }

  const { learningRate, beta1, beta2, eps, weightDecay } = optimizer
  return jit(
    ({ weights, m, v }: JaxState, corrections: Corrections, ids: JaxArray, targets: JaxArray): [JaxState, JaxArray] => {
      const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(weights), ids, targets)
      const squares = Object.values(gradients).map(gradient => np.square(gradient.ref).sum())
      const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)))
      const factor = np.minimum(1, np.reciprocal(norm).mul(maxNorm))
      const next: JaxState = { weights: {}, m: {}, v: {} }
      for (const [path, weight] of Object.entries(weights)) {
        const gradient = gradients[path].mul(factor.ref)
        const decay = weight.shape.length > 1 ? weightDecay : 0
        const mean = m[path].mul(beta1).add(gradient.ref.mul(1 - beta1))
        const meanSquare = v[path].mul(beta2).add(np.square(gradient).mul(1 - beta2))
        const root = np.sqrt(meanSquare.ref.mul(corrections.v.ref)).add(eps)
        const change = mean.ref.mul(corrections.m.ref).div(root).mul(learningRate)
        next.weights[path] = weight.mul(1 - learningRate * decay).sub(change)
        next.m[path] = mean
        next.v[path] = meanSquare
      }
      tree.dispose([factor, corrections])
      return [next, loss]
    },
  )
}
