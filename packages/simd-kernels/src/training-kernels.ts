import { SimdArgumentError } from './errors'
import type { Memory } from './memory'
import { type AttentionOptions, type TokenExports, TokenKernels } from './token-kernels'

/** What assembly/ exports for {@link TrainingKernels}. */
export interface TrainingExports extends TokenExports {
  adamw(
    p: number,
    m: number,
    v: number,
    g: number,
    count: number,
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    correction1: number,
    correction2: number,
    factor: number,
  ): void
  attentionBackward(
    q: number,
    k: number,
    v: number,
    first: number,
    last: number,
    dout: number,
    dq: number,
    dk: number,
    dv: number,
    tokens: number,
    rows: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    scale: number,
  ): void
  crossEntropy(logits: number, targets: number, losses: number, rows: number, columns: number): void
  crossEntropyBackward(
    logits: number,
    targets: number,
    dlosses: number,
    dlogits: number,
    rows: number,
    columns: number,
  ): void
  embeddingBackward(ids: number, dy: number, dweight: number, rows: number, width: number): void
  geluBackward(x: number, dy: number, dx: number, count: number): void
  normBackward(
    x: number,
    weight: number,
    dy: number,
    dx: number,
    dweight: number,
    dbias: number,
    rows: number,
    dim: number,
    eps: number,
  ): void
  reluBackward(x: number, dy: number, dx: number, count: number): void
  siluMulBackward(a: number, b: number, dy: number, da: number, db: number, count: number): void
  softmaxBackward(y: number, dy: number, dx: number, rows: number, columns: number): void
  sum(x: number, count: number): number
  sumSquares(x: number, count: number): number
}

export interface AttentionBackwardOptions extends Omit<AttentionOptions, 'cache'> {
  /** Rows of k and v. */
  readonly rows: number
}

export interface AdamWOptions {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** Decoupled: the parameter shrinks by lr · weightDecay. */
  readonly weightDecay: number
  /** 1 - beta1^step, and 1 - beta2^step. */
  readonly correction1: number
  readonly correction2: number
  /** The gradient is multiplied by it, to clip it. */
  readonly factor: number
}

/** Gradients, losses and the optimiser's step, all the same bits for every number of threads. dx is the gradient for x. */
export abstract class TrainingKernels extends TokenKernels {
  readonly #kernels: TrainingExports
  readonly #memory: Memory

  constructor(kernels: TrainingExports, memory: Memory) {
    super(kernels, memory)
    this.#kernels = kernels
    this.#memory = memory
  }

  /**
   * The gradient of {@link attention} with f32 keys and values. It needs only the inputs of the forward pass.
   * @param q [tokens, heads, headDim], as dout and dq; dq may be q or dout
   * @param k [rows, kvHeads, headDim], as v, dk and dv
   * @param first i32 [tokens], as last
   * @param dq overwritten, as dk and dv; zeros for queries that see no row, and for rows that no query sees
   * @throws SimdArgumentError
   */
  attentionBackward(
    q: number,
    k: number,
    v: number,
    first: number,
    last: number,
    dout: number,
    dq: number,
    dk: number,
    dv: number,
    options: AttentionBackwardOptions,
  ): void {
    const { tokens, rows, heads, kvHeads, headDim, scale = 1 / Math.sqrt(headDim) } = options
    if (heads % kvHeads !== 0) throw new SimdArgumentError(`kvHeads (${kvHeads}) must divide heads (${heads})`)
    this.#kernels.attentionBackward(
      ...([q, k, v, first, last, dout, dq, dk, dv] as const),
      ...([tokens, rows, heads, kvHeads, headDim, scale] as const),
    )
  }

  /** x, dy, dx [rows, dim]; weight, dweight [dim]. dx and dweight are overwritten; dx may be x or dy. */
  rmsNormBackward(
    x: number,
    weight: number,
    dy: number,
    dx: number,
    dweight: number,
    rows: number,
    dim: number,
    eps: number,
  ): void {
    this.#kernels.normBackward(x, weight, dy, dx, dweight, 0, rows, dim, eps)
  }

  /** As {@link rmsNormBackward}; dbias [dim] is overwritten too. */
  layerNormBackward(
    x: number,
    weight: number,
    dy: number,
    dx: number,
    dweight: number,
    dbias: number,
    rows: number,
    dim: number,
    eps: number,
  ): void {
    this.#kernels.normBackward(x, weight, dy, dx, dweight, dbias, rows, dim, eps)
  }

  /** Of silu(a) · b, elementwise; da and db may be any of the inputs, but not each other. */
  siluMulBackward(a: number, b: number, dy: number, da: number, db: number, count: number): void {
    this.#kernels.siluMulBackward(a, b, dy, da, db, count)
  }

  /** dy where x > 0, else 0, elementwise; dx may be x or dy. */
  reluBackward(x: number, dy: number, dx: number, count: number): void {
    this.#kernels.reluBackward(x, dy, dx, count)
  }

  /** Of the tanh form of GELU, elementwise; dx may be x or dy. */
  geluBackward(x: number, dy: number, dx: number, count: number): void {
    this.#kernels.geluBackward(x, dy, dx, count)
  }

  /** From the softmax y itself: y, dy, dx [rows, columns]; dx may be y or dy. */
  softmaxBackward(y: number, dy: number, dx: number, rows: number, columns: number): void {
    this.#kernels.softmaxBackward(y, dy, dx, rows, columns)
  }

  /**
   * losses[r] = -log softmax(logits[r])[targets[r]] in nats, and 0 where targets[r] < 0.
   * @param logits [rows, columns]
   * @param targets i32 [rows]
   * @param losses [rows]
   * @throws SimdArgumentError for a target that is not a column
   */
  crossEntropy(logits: number, targets: number, losses: number, rows: number, columns: number): void {
    this.#checkIds('target', targets, rows, Number.NEGATIVE_INFINITY, columns)
    this.#kernels.crossEntropy(logits, targets, losses, rows, columns)
  }

  /**
   * The gradient of {@link crossEntropy}: dlogits[r] = dlosses[r] · (softmax(logits[r]) - one at targets[r]), and zeros where
   * targets[r] < 0; dlogits may be logits.
   * @throws SimdArgumentError for a target that is not a column
   */
  crossEntropyBackward(
    logits: number,
    targets: number,
    dlosses: number,
    dlogits: number,
    rows: number,
    columns: number,
  ): void {
    this.#checkIds('target', targets, rows, Number.NEGATIVE_INFINITY, columns)
    this.#kernels.crossEntropyBackward(logits, targets, dlosses, dlogits, rows, columns)
  }

  /**
   * dweight[ids[r]] += dy[r], row after row.
   * @param ids i32 [rows]
   * @param dy [rows, width]
   * @param dweight [vocab, width]
   * @throws SimdArgumentError for an id that is not a row of dweight
   */
  embeddingBackward(
    ids: number,
    dy: number,
    dweight: number,
    size: { readonly rows: number; readonly width: number; readonly vocab: number },
  ): void {
    this.#checkIds('id', ids, size.rows, 0, size.vocab)
    this.#kernels.embeddingBackward(ids, dy, dweight, size.rows, size.width)
  }

  /** Σ x in f64. */
  sum(x: number, count: number): number {
    return this.#kernels.sum(x, count)
  }

  /** Σ x² in f64. */
  sumSquares(x: number, count: number): number {
    return this.#kernels.sumSquares(x, count)
  }

  /**
   * A step of AdamW (Loshchilov and Hutter 2019, algorithm 2) on `count` parameters p, with moments m and v and gradients g, in place:
   * m += (1 - beta1) (g' - m), v += (1 - beta2) (g'² - v), p = p (1 - lr · weightDecay) - lr m / correction1 / (sqrt(v / correction2) +
   * eps), where g' = factor · g.
   */
  adamw(p: number, m: number, v: number, g: number, count: number, options: AdamWOptions): void {
    const { lr, beta1, beta2, eps, weightDecay, correction1, correction2, factor } = options
    this.#kernels.adamw(p, m, v, g, count, lr, beta1, beta2, eps, weightDecay, correction1, correction2, factor)
  }

  #checkIds(name: string, pointer: number, rows: number, least: number, end: number): void {
    const ids = this.#memory.i32(pointer, rows)
    const wrong = ids.findIndex(id => id < least || id >= end)
    if (wrong >= 0)
      throw new SimdArgumentError(
        `${name} ${ids[wrong]} of row ${wrong} must be ${least === 0 ? 'from 0 ' : ''}below ${end}`,
      )
  }
}
