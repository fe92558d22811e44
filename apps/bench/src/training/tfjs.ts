import type { VariantSizes } from '@cria/training/experiments'
import { type InitialWeight, maxNorm, normEps, optimizer, rotaryTables } from './peer'

// Shapes: B rows, T tokens of a row, N = B · T, D dim, H heads, K kv heads, G = H / K, C width of a head, V vocabulary.

export interface Tensor {
  readonly shape: readonly number[]
  data(): Promise<Float32Array>
  dispose(): void
}

interface Variable extends Tensor {
  readonly name: string
  assign(value: Tensor): void
}

type Value = Tensor | number
type Grads = Record<string, Tensor>
type Save = (tensors: readonly Tensor[]) => void
interface Differentiable {
  readonly value: Tensor
  gradFunc(dy: Tensor, saved: readonly Tensor[]): Tensor | readonly Tensor[]
}

/** The part of TensorFlow.js that is used. */
export interface Tfjs {
  enableProdMode(): void
  setBackend(name: 'wasm'): Promise<boolean>
  tidy<T>(run: () => T): T
  tensor(values: ArrayLike<number>, shape: readonly number[], dtype?: 'int32'): Tensor
  variable(value: Tensor, trainable: boolean, name: string): Variable
  variableGrads(loss: () => Tensor, variables: readonly Variable[]): { value: Tensor; grads: Grads }
  customGrad<Inputs extends Tensor[]>(
    run: (...inputsAndSave: [...Inputs, Save]) => Differentiable,
  ): (...inputs: Inputs) => Tensor
  matMul(a: Tensor, b: Tensor): Tensor
  reshape(x: Tensor, shape: readonly number[]): Tensor
  transpose(x: Tensor, axes?: readonly number[]): Tensor
  stack(xs: readonly Tensor[]): Tensor
  unstack(x: Tensor): Tensor[]
  gather(x: Tensor, indices: Tensor): Tensor
  scatterND(indices: Tensor, updates: Tensor, shape: readonly number[]): Tensor
  oneHot(x: Tensor, depth: number): Tensor
  cast(x: Tensor, dtype: 'float32'): Tensor
  add(a: Tensor, b: Value): Tensor
  addN(xs: readonly Tensor[]): Tensor
  sub(a: Tensor, b: Tensor): Tensor
  mul(a: Tensor, b: Value): Tensor
  div(a: Value, b: Value): Tensor
  minimum(a: Value, b: Value): Tensor
  neg(x: Tensor): Tensor
  exp(x: Tensor): Tensor
  sqrt(x: Tensor): Tensor
  rsqrt(x: Tensor): Tensor
  square(x: Tensor): Tensor
  sigmoid(x: Tensor): Tensor
  softmax(x: Tensor): Tensor
  logSumExp(x: Tensor, axis: number, keepDims: boolean): Tensor
  mean(x: Tensor, axis: number, keepDims: boolean): Tensor
  sum(x: Tensor, axis?: number, keepDims?: boolean): Tensor
  readonly train: {
    adam(learningRate: number, beta1: number, beta2: number, epsilon: number): { applyGradients(grads: Grads): void }
  }
}

/** A training step of a LLaMA in TensorFlow.js, written for the wasm backend. It returns its loss. */
export const tfjsStep = (
  tf: Tfjs,
  size: VariantSizes,
  weights: ReadonlyMap<string, InitialWeight>,
  batch: { readonly ids: Int32Array; readonly targets: Int32Array },
): (() => Tensor) => {
  const { dim, n_layers, n_heads, n_kv_heads, vocab_size, max_seq_len } = size
  const width = dim / n_heads
  const tokens = batch.ids.length
  const rows = tokens / max_seq_len
  const tables = rotaryTables(size)
  const ids = tf.tensor(batch.ids, [tokens], 'int32')
  const targets = tf.tensor(batch.targets, [tokens], 'int32')
  const cosines = tf.tensor(tables.cosines, [1, max_seq_len, 1, width])
  const sines = tf.tensor(tables.sines, [1, max_seq_len, 1, width])
  const swaps = pairSwaps(tf, width)
  const variables = new Map<string, Variable>()
  for (const [path, { shape, values }] of weights) {
    const variable = tf.tidy(() => {
      const tensor = tf.tensor(values, shape)
      return tf.variable(isProjection(path) ? tf.transpose(tensor) : tensor, true, path)
    })
    variables.set(path, variable)
  }
  const weight = (path: string): Variable => {
    const found = variables.get(`${path}.weight`)
    if (!found) throw new Error(`there is no ${path}.weight`)
    return found
  }

  // The gradient of tfjs's gather is a kernel that the wasm backend does not have.
  const embedding = tf.customGrad<[table: Tensor]>(table => ({
    value: tf.gather(table, ids),
    gradFunc: dy => tf.scatterND(tf.reshape(ids, [tokens, 1]), dy, [vocab_size, dim]),
  }))

  const matMul = product(tf)
  const attend = attentionOf(tf, causalMask(tf, max_seq_len, n_heads / n_kv_heads), 1 / Math.sqrt(width))

  const rmsNorm = (x: Tensor, path: string): Tensor =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), normEps))), weight(path))

  // As a product it is faster than `reverse`. It is its own gradient.
  const swapPairs = tf.customGrad<[x: Tensor]>(x => ({
    value: tf.matMul(x, swaps),
    gradFunc: dy => tf.matMul(dy, swaps),
  }))

  /** [N, heads · C] → [B, T, heads, C] */
  const rotate = (x: Tensor, heads: number): Tensor => {
    const shape = [rows, max_seq_len, heads, width]
    const swapped = swapPairs(tf.reshape(x, [tokens * heads, width]))
    return tf.add(tf.mul(tf.reshape(x, shape), cosines), tf.mul(tf.reshape(swapped, shape), sines))
  }

  /** [N, heads · C] → [B · K, heads / K · T, C]: the query heads of a kv head lie below each other. */
  const byKvHead = (x: Tensor, heads: number): Tensor => {
    const byHead = tf.transpose(tf.reshape(x, [rows, max_seq_len, heads, width]), [0, 2, 1, 3])
    return tf.reshape(byHead, [rows * n_kv_heads, (heads / n_kv_heads) * max_seq_len, width])
  }

  const attention = (x: Tensor, layer: string): Tensor => {
    const of = (name: string) => matMul(x, weight(`${layer}.attention.${name}`)) // [N, heads · C]
    const q = byKvHead(rotate(of('wq'), n_heads), n_heads) // [B · K, G · T, C]
    const k = byKvHead(rotate(of('wk'), n_kv_heads), n_kv_heads) // [B · K, T, C]
    const v = byKvHead(of('wv'), n_kv_heads)
    const y = attend(q, k, v) // [B · K, G · T, C]
    const byToken = tf.transpose(tf.reshape(y, [rows, n_heads, max_seq_len, width]), [0, 2, 1, 3])
    return matMul(tf.reshape(byToken, [tokens, dim]), weight(`${layer}.attention.wo`))
  }

  const feedForward = (x: Tensor, layer: string): Tensor => {
    const of = (name: string, x: Tensor) => matMul(x, weight(`${layer}.feed_forward.${name}`))
    const gate = of('w1', x)
    return of('w2', tf.mul(tf.mul(gate, tf.sigmoid(gate)), of('w3', x)))
  }

  const logits = (): Tensor => {
    const table = weight('tok_embeddings')
    let h = embedding(table) // [N, D]
    for (let i = 0; i < n_layers; i++) {
      const layer = `layers.${i}`
      h = tf.add(h, attention(rmsNorm(h, `${layer}.attention_norm`), layer))
      h = tf.add(h, feedForward(rmsNorm(h, `${layer}.ffn_norm`), layer))
    }
    return matMul(rmsNorm(h, 'norm'), tf.transpose(table)) // [N, V]
  }

  const { learningRate, beta1, beta2, eps, weightDecay } = optimizer
  const adam = tf.train.adam(learningRate, beta1, beta2, eps)
  const all = [...variables.values()]
  return () =>
    tf.tidy(() => {
      // The wasm kernel of oneHot writes integers, also when it is asked for f32.
      const expected = tf.cast(tf.oneHot(targets, vocab_size), 'float32') // [N, V]
      const crossEntropy = tf.customGrad<[x: Tensor]>((x, save) => {
        const logProbabilities = tf.sub(x, tf.logSumExp(x, -1, true))
        save([logProbabilities])
        return {
          value: tf.div(tf.neg(tf.sum(tf.mul(logProbabilities, expected))), tokens),
          gradFunc: (dy, [saved]) => tf.mul(tf.sub(tf.exp(saved), expected), tf.div(dy, tokens)),
        }
      })
      const { value, grads } = tf.variableGrads(() => crossEntropy(logits()), all)
      const norm = tf.sqrt(tf.addN(Object.values(grads).map(gradient => tf.sum(tf.square(gradient)))))
      const factor = tf.minimum(1, tf.div(maxNorm, norm))
      // AdamW is Adam on weights that have decayed before.
      for (const variable of all)
        if (variable.shape.length > 1) variable.assign(tf.mul(variable, 1 - learningRate * weightDecay))
      adam.applyGradients(
        Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, tf.mul(gradient, factor)])),
      )
      return value
    })
}

/** Matrices that multiply activations are held as [inputs, outputs]: XNNPACK multiplies those without a copy. */
const isProjection = (path: string): boolean => /\.w[qkvo123]\.weight$/.test(path)

/** [C, C]: swaps the two values of each pair. */
const pairSwaps = (tf: Tfjs, width: number): Tensor => {
  const values = Float32Array.from({ length: width * width }, (_, i) =>
    i % width === (Math.floor(i / width) ^ 1) ? 1 : 0,
  )
  return tf.tensor(values, [width, width])
}

/** [G · T, T]: −10⁹ where a token would see a later one. */
const causalMask = (tf: Tfjs, length: number, group: number): Tensor => {
  const values = Float32Array.from({ length: group * length * length }, (_, i) =>
    i % length > Math.floor(i / length) % length ? -1e9 : 0,
  )
  return tf.tensor(values, [group * length, length])
}

/**
 * A product of two matrices, [N, I] · [I, O]. The wasm backend gives matrices to XNNPACK only if none is transposed in the call, as tfjs's own
 * gradients have it, so these transpose before it.
 */
const product = (tf: Tfjs) =>
  tf.customGrad<[x: Tensor, w: Tensor]>((x, w, save) => {
    save([x, w])
    return {
      value: tf.matMul(x, w),
      gradFunc: (dy, [x, w]) => [tf.matMul(dy, tf.transpose(w)), tf.matMul(tf.transpose(x), dy)],
    }
  })

/**
 * Attention, [P, G · T, C], of q [P, G · T, C] and of k and v [P, T, C], where P = B · K. The pairs of a row and a kv head are computed one by one, for
 * XNNPACK does not get batches. tfjs copies a whole tensor to slice it, so only small tensors are.
 */
const attentionOf = (tf: Tfjs, mask: Tensor, scale: number) =>
  tf.customGrad<[q: Tensor, k: Tensor, v: Tensor]>((q, k, v, save) => {
    const [qs, ks, vs] = [q, k, v].map(all => tf.unstack(all))
    const shares = qs.map((each, i) => tf.softmax(tf.add(tf.mul(tf.matMul(each, tf.transpose(ks[i])), scale), mask))) // each [G · T, T]
    save([...qs, ...ks, ...vs, ...shares])
    return {
      value: tf.stack(shares.map((share, i) => tf.matMul(share, vs[i]))),
      gradFunc: (dy, saved) => {
        const gradients = tf.unstack(dy).map((dy, i, { length }) => {
          const [q, k, v, share] = [0, 1, 2, 3].map(input => saved[input * length + i])
          const weighted = tf.mul(tf.matMul(dy, tf.transpose(v)), share)
          const dScores = tf.mul(tf.sub(weighted, tf.mul(share, tf.sum(weighted, -1, true))), scale)
          return [tf.matMul(dScores, k), tf.matMul(tf.transpose(dScores), q), tf.matMul(tf.transpose(share), dy)]
        })
        return [0, 1, 2].map(input => tf.stack(gradients.map(each => each[input])))
      },
    }
  })
