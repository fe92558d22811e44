import { type CausalModel, uploadPass } from '@cria/attention-variants'
import type { Parameter } from '@cria/layers'
import { add, clipFactor, crossEntropy, globalNorm, scale, sum, Tape, type Tensor } from '@cria/tensor'
import { type Batch, batchOf, type TrainingData, type TrainingRow } from './data'
import { firstNonFinite } from './diagnose'
import { NonFiniteError, ResumeError, TrainingConfigError } from './errors'
import { eventLoopBreak } from './event-loop'
import type { TrainingStep } from './log'
import { adamW, type Optimizer, type OptimizerState } from './optimizer'
import type { Schedule } from './schedule'

// Shapes: N tokens of a pass, V vocabulary.

export interface TrainerOptions {
  readonly data: TrainingData
  /** The learning rate of each step. */
  readonly schedule: Schedule
  /** Tokens of a step: a multiple of the tokens of a row. */
  readonly batchTokens: number
  /** Tokens of a row; the model's context. */
  readonly rowTokens?: number | undefined
  /** Tokens of a pass, which bound its memory; a step adds up the gradients of its passes. Default: `batchTokens`. */
  readonly passTokens?: number | undefined
  readonly optimizer?: Optimizer | undefined
  /** The norm that the gradients are clipped to, all together; 1. */
  readonly clip?: number | undefined
  /** What is trained, by path: `lora.parameters()`, for example. Default: all parameters of the model. */
  readonly parameters?: Iterable<[path: string, parameter: Parameter]> | undefined
  /** A saved state to resume from. */
  readonly state?: TrainerState | undefined
}

/** The options with their defaults. */
type Settings = { [K in keyof Omit<TrainerOptions, 'state' | 'parameters'>]-?: Exclude<TrainerOptions[K], undefined> }

/** The state of a run: together with the data and the options, it determines all later steps. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number
  /** The number of the next row. */
  readonly row: number
  /** Values of the parameters that are trained, by path. */
  readonly parameters: ReadonlyMap<string, Float32Array>
  /** The optimiser's values: name of the value, then path of the parameter. */
  readonly optimizer: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>
}

/** Trains a model step by step. It owns the optimiser's tensors, and changes the parameters of the model. */
export class Trainer implements Disposable {
  readonly #options: Settings
  readonly #parameters: ReadonlyMap<string, Parameter>
  readonly #states = new Map<string, OptimizerState>()
  #step = 0
  #row = 0

  /**
   * @throws TrainingConfigError for token counts that do not divide each other
   * @throws ResumeError for a state of other parameters
   */
  constructor(
    readonly model: CausalModel,
    { state, parameters = model.parameters(), ...options }: TrainerOptions,
  ) {
    const { maxSeqLen } = model
    const { rowTokens = maxSeqLen, batchTokens, passTokens = batchTokens, optimizer = adamW(), clip = 1 } = options
    checkTokens(rowTokens, passTokens, batchTokens, maxSeqLen)
    this.#options = { ...options, rowTokens, passTokens, optimizer, clip }
    this.#parameters = new Map(parameters)
    if (state) this.#restore(state)
    else for (const [path, { tensor }] of this.#parameters) this.#keep(path, this.#options.optimizer.init(tensor))
  }

  /** Steps done. */
  get step(): number {
    return this.#step
  }

  /** Runs steps until `until` steps are done in total; without `until` it never ends. An abort takes effect between passes. */
  async *steps({
    until = Infinity,
    signal,
  }: {
    until?: number
    signal?: AbortSignal
  } = {}): AsyncGenerator<TrainingStep> {
    while (this.#step < until) yield await this.next(signal)
  }

  /**
   * Does one step. If it throws, the weights are unchanged.
   * @throws NonFiniteError @throws TrainingDataError @throws the reason of the signal
   */
  async next(signal?: AbortSignal): Promise<TrainingStep> {
    const start = performance.now()
    const { data, batchTokens, rowTokens, passTokens } = this.#options
    const rows = await this.#rows(batchTokens / rowTokens)
    const batches: Batch[] = []
    for (let at = 0; at < rows.length; at += passTokens / rowTokens)
      batches.push(batchOf(rows.slice(at, at + passTokens / rowTokens), rowTokens, this.model.vocabSize))
    const { loss, gradientNorm, learningRate } = await this.#descend(batches, signal)
    this.#row += rows.length
    this.#step++
    const sourceRows = data.sources.map((_, source) => rows.filter(row => row.source === source).length)
    const seconds = (performance.now() - start) / 1000
    return { step: this.#step, loss, learningRate, gradientNorm, tokens: batchTokens, sourceRows, seconds }
  }

  /** Copies the state from which a later run can continue exactly as this one would. */
  async state(): Promise<TrainerState> {
    const parameters = new Map<string, Float32Array>()
    const optimizer = new Map<string, Map<string, Float32Array>>()
    for (const [path, { tensor }] of this.#parameters) {
      parameters.set(path, await tensor.read())
      for (const [name, value] of Object.entries(this.#states.get(path) ?? {})) {
        const values = optimizer.get(name) ?? new Map<string, Float32Array>()
        optimizer.set(name, values.set(path, await value.read()))
      }
    }
    return { step: this.#step, row: this.#row, parameters, optimizer }
  }

  /** Frees the optimiser's tensors; the model stays. */
  dispose(): void {
    for (const state of this.#states.values()) for (const tensor of Object.values(state)) tensor.dispose()
    this.#states.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #rows(count: number): Promise<TrainingRow[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.#options.data.row(this.#row + i)))
  }

  /** Adds up the gradients of all passes, and updates the parameters once. */
  async #descend(batches: readonly Batch[], signal: AbortSignal | undefined) {
    const targets = batches.reduce((count, batch) => count + batch.targetCount, 0)
    let gradients: readonly Tensor[] = []
    try {
      let loss = 0
      for (const batch of batches) {
        await eventLoopBreak()
        signal?.throwIfAborted()
        const pass = this.#differentiate(batch, targets)
        gradients = accumulate(gradients, pass.gradients)
        using part = pass.loss
        loss += (await part.read())[0]
      }
      if (!Number.isFinite(loss)) throw await this.#nonFinite('loss', batches, targets)
      using norm = globalNorm(gradients)
      const gradientNorm = (await norm.read())[0]
      if (!Number.isFinite(gradientNorm)) throw await this.#nonFinite('gradient norm', batches, targets)
      const learningRate = this.#options.schedule(this.#step + 1)
      this.#update(gradients, norm, learningRate)
      return { loss, gradientNorm, learningRate }
    } finally {
      for (const gradient of gradients) gradient.dispose()
    }
  }

  /** The part of the loss that these tokens have, f32 [1], and its gradients. */
  #differentiate({ ids, targets, documents }: Batch, targetCount: number) {
    const { model } = this
    const { device } = model
    const parameters = Array.from(this.#parameters.values(), ({ tensor }) => tensor)
    using scope = device.scope()
    using tape = new Tape(device, parameters)
    using pass = uploadPass(device, model.pack(ids, documents), model.rotary)
    const logits = model.head(finish(model.hidden(pass))) // [N, V]
    const losses = crossEntropy(logits, device.tensor(targets, [targets.length]))
    const loss = scale(sum(losses), 1 / targetCount)
    const gradients = tape.gradients(loss, parameters)
    return { loss: scope.keep(loss), gradients: gradients.map(gradient => scope.keep(gradient)) }
  }

  #update(gradients: readonly Tensor[], norm: Tensor, learningRate: number): void {
    const { optimizer, clip } = this.#options
    using _scope = this.model.device.scope()
    const factor = clipFactor(norm, clip)
    for (const [i, [path, parameter]] of [...this.#parameters].entries()) {
      const given = { parameter: parameter.tensor, gradient: gradients[i], factor, learningRate, step: this.#step + 1 }
      const updated = optimizer.update({ ...given, state: this.#states.get(path) ?? {} })
      parameter.load(updated.parameter)
      this.#keep(path, updated.state)
    }
  }

  /** Stores the new state of a parameter, takes it out of its scope, and frees the old state. */
  #keep(path: string, state: OptimizerState): void {
    const kept = new Set(Object.values(state))
    for (const tensor of kept) tensor.moveTo(undefined)
    for (const tensor of Object.values(this.#states.get(path) ?? {})) if (!kept.has(tensor)) tensor.dispose()
    this.#states.set(path, state)
  }

  #restore({ step, row, parameters, optimizer }: TrainerState): void {
    const { device } = this.model
    const values = (of: ReadonlyMap<string, Float32Array> | undefined, path: string, shape: readonly number[]) => {
      const data = of?.get(path)
      if (data?.length !== shape.reduce((product, size) => product * size, 1))
        throw new ResumeError(
          `the saved state has no values for ${path} [${shape}]: it is of another model or optimiser`,
        )
      return device.tensor(data, shape)
    }
    for (const [path, parameter] of this.#parameters) {
      parameter.load(values(parameters, path, parameter.shape))
      const fresh = this.#options.optimizer.init(parameter.tensor)
      const saved = Object.entries(fresh).map(([name, tensor]) => [
        name,
        values(optimizer.get(name), path, tensor.shape),
      ])
      for (const tensor of Object.values(fresh)) tensor.dispose()
      this.#keep(path, Object.fromEntries(saved))
    }
    this.#step = step
    this.#row = row
  }

  async #nonFinite(quantity: NonFiniteError['quantity'], batches: readonly Batch[], targets: number) {
    for (const batch of batches) {
      const op = await firstNonFinite(this.model.device, () => {
        using _scope = this.model.device.scope()
        globalNorm(this.#differentiate(batch, targets).gradients)
      })
      if (op !== undefined) return new NonFiniteError(this.#step + 1, quantity, op)
    }
    return new NonFiniteError(this.#step + 1, quantity, undefined)
  }
}

/** Runs all steps of a pass. */
const finish = (steps: Generator<void, Tensor>): Tensor => {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value as Tensor
  }
}

/** Adds up gradients, and frees both inputs. */
const accumulate = (sums: readonly Tensor[], gradients: readonly Tensor[]): readonly Tensor[] => {
  if (sums.length === 0) return gradients
  return sums.map((sum, i) => {
    const total = add(sum, gradients[i])
    sum.dispose()
    gradients[i].dispose()
    return total
  })
}

const checkTokens = (rowTokens: number, passTokens: number, batchTokens: number, context: number): void => {
  const check = (field: string, value: number, holds: boolean, expected: string) => {
    if (!(Number.isSafeInteger(value) && value >= 1 && holds))
      throw new TrainingConfigError(field, `is ${value}, expected ${expected}`)
  }
  check('rowTokens', rowTokens, rowTokens <= context, `a whole number from 1 to the context of ${context}`)
  check('batchTokens', batchTokens, batchTokens % rowTokens === 0, `a multiple of the ${rowTokens} tokens of a row`)
  const divides = passTokens % rowTokens === 0 && batchTokens % passTokens === 0
  check('passTokens', passTokens, divides, `whole rows of ${rowTokens} tokens that divide the batch of ${batchTokens}`)
}

/**
 * Trains a model, and frees the optimiser's tensors at the end: `for await (const { step, loss } of train(model, options))`.
 * @param model the model, whose parameters change
 * @param options those of `Trainer`, `steps` (the number of all steps) and `signal`
 * @throws as `Trainer`
 */
export async function* train(
  model: CausalModel,
  { steps, signal, ...options }: TrainerOptions & { readonly steps: number; readonly signal?: AbortSignal },
): AsyncGenerator<TrainingStep> {
  using trainer = new Trainer(model, options)
  yield* trainer.steps(signal ? { until: steps, signal } : { until: steps })
}
