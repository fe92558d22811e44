import { loadInWorker, type WorkerModel } from 'cria/worker'
import type { LabOffer } from './lab/offer'
import type { Remote } from './rpc'
import type {
  Candidate,
  GenerateRequest,
  Inspection,
  LoadOptions,
  ModelFacts,
  ModelSource,
  Sampling,
  SamplingStep,
  TokenOfText,
  Writing,
} from './types'

/** Sizes that every LLaMA's config has. */
interface Sizes {
  readonly dim: number
  readonly n_layers: number
  readonly n_heads: number
  readonly n_kv_heads: number
  readonly vocab_size: number
}

/** Tokens of a text that are looked at, at most: their attention maps are small enough to see. */
const mostTokens = 256
/** Bytes of hidden states that are kept, at most. */
const mostStateBytes = 2 ** 26

/** The model of the page. There is one at a time, in its own worker, which ends with it. */
export class PageModel {
  #loaded: { readonly model: WorkerModel; readonly worker: Worker } | undefined
  #seen:
    | { readonly ids: readonly number[]; readonly attention: Map<number, Promise<readonly Float32Array[]>> }
    | undefined

  constructor(private readonly lab: Remote<LabOffer>) {}

  /** Loads a model in place of the one before. @param worker the model's own: it ends with it, and is the caller's if this throws */
  async load(
    source: ModelSource,
    from: Promise<string | readonly File[]>,
    worker: Worker,
    { device, onProgress, signal }: LoadOptions,
  ): Promise<ModelFacts> {
    await this.unload()
    const options = { worker, device: device as 'auto', onProgress, signal }
    const model = await loadInWorker(await from, options)
    // It may have been told to stop just as it was done.
    signal.throwIfAborted()
    this.#loaded = { model, worker }
    await this.lab.call('takeVocabulary', model.tokenizer.vocabulary)
    return factsOf(model, source)
  }

  /** Frees all that the model held: its worker ends. */
  async unload(): Promise<void> {
    const loaded = this.#loaded
    this.#loaded = undefined
    this.#seen = undefined
    if (!loaded) return
    loaded.worker.terminate()
    await this.lab.call('takeVocabulary', undefined)
  }

  generate({ from, ...options }: GenerateRequest): Writing {
    const { model } = this.#open()
    const text = typeof from === 'string' ? model.generate(from, options) : model.chat(from, options)
    return {
      [Symbol.asyncIterator]: () => text[Symbol.asyncIterator](),
      get stats() {
        return { ...text.stats, seed: text.seed }
      },
      get finishReason() {
        return text.finishReason
      },
    }
  }

  async inspect(text: string, signal: AbortSignal): Promise<Inspection> {
    const { model } = this.#open()
    const { dim, n_layers } = model.config as Sizes
    const most = Math.min(
      mostTokens,
      model.maxSeqLen,
      Math.max(8, Math.floor(mostStateBytes / (4 * dim * (n_layers + 1)))),
    )
    const all = Array.from(model.tokenizer.encode(text, { bos: true }))
    const ids = all.slice(0, most)
    const stages = ['tok_embeddings', ...Array.from({ length: n_layers }, (_, layer) => `layers.${layer}`)]
    const { logits, values, profile } = await model.inspect(ids, {
      logits: 'all',
      observe: stages,
      profile: true,
      signal,
    })
    const states = stages.flatMap(name => values.get(name)?.data ?? [])
    const buffers = [logits.data.buffer, ...states.map(({ buffer }) => buffer)]
    const { norms, expected } = await this.lab.call('analyse', { ids, logits, states }, signal, buffers)
    this.#seen = { ids, attention: new Map() }
    const times = new Map<string, { milliseconds: number; calls: number }>()
    for (const { op, milliseconds, calls } of profile) {
      const time = times.get(op) ?? { milliseconds: 0, calls: 0 }
      times.set(op, { milliseconds: time.milliseconds + milliseconds, calls: time.calls + calls })
    }
    return {
      tokens: ids.map(id => this.#token(id)),
      cut: ids.length < all.length,
      norms,
      expected,
      times: Array.from(times, ([op, time]) => ({ op, ...time })),
    }
  }

  async distribution(position: number, sampling: Sampling): Promise<readonly SamplingStep[]> {
    const steps = await this.lab.call('distribution', { position, sampling })
    return steps.map(step => ({ ...step, candidates: step.candidates.map(likely => this.#candidate(likely)) }))
  }

  attention(layer: number): Promise<readonly Float32Array[]> {
    if (!this.#seen) throw new Error('no text has been looked at yet')
    const { ids, attention } = this.#seen
    const known = attention.get(layer) ?? this.#attention(ids, layer)
    attention.set(layer, known)
    return known
  }

  async lens(position: number): Promise<readonly (readonly Candidate[])[]> {
    const states = await this.lab.call('statesAt', position)
    const logits = await this.#open().model.head(states)
    const rows = await this.lab.call('likeliest', logits, undefined, [logits.data.buffer])
    return rows.map(row => row.map(likely => this.#candidate(likely)))
  }

  /** Weights by head, [T, T] each, of what comes as [T, heads, T]. */
  async #attention(ids: readonly number[], layer: number): Promise<readonly Float32Array[]> {
    const name = `layers.${layer}.attention.weights`
    const { values } = await this.#open().model.inspect(ids, { observe: [name] })
    const { shape, data } = values.get(name) as NonNullable<ReturnType<typeof values.get>>
    const [time, heads, span] = shape
    return Array.from({ length: heads }, (_, head) => {
      const weights = new Float32Array(time * time)
      for (let t = 0; t < time; t++)
        weights.set(data.subarray((t * heads + head) * span, (t * heads + head + 1) * span), t * time)
      return weights
    })
  }

  #open() {
    if (!this.#loaded) throw new Error('no model is open: choose one under "Your model"')
    return this.#loaded
  }

  #token(id: number): TokenOfText {
    const { tokenizer } = this.#open().model
    return { id, piece: id < tokenizer.vocabSize ? tokenizer.idToPiece(id) : `<${id}>` }
  }

  #candidate({ id, probability }: { readonly id: number; readonly probability: number }): Candidate {
    return { ...this.#token(id), probability }
  }
}

const nameOf = (source: ModelSource): string => {
  if (source.kind === 'embedded') return 'The stories model of Cria'
  return source.kind === 'files' ? source.files[0].name : source.name
}

const factsOf = (
  { config, device, format, parameterCount, maxSeqLen, chatTemplates }: WorkerModel,
  source: ModelSource,
): ModelFacts => {
  const { dim, n_layers, n_heads, n_kv_heads, vocab_size } = config as Sizes
  return {
    name: nameOf(source),
    embedded: source.kind === 'embedded',
    format,
    device: device.name,
    deviceDetail: device.description,
    parameters: parameterCount,
    layers: n_layers,
    dim,
    heads: n_heads,
    kvHeads: n_kv_heads,
    vocabulary: vocab_size,
    context: maxSeqLen,
    bytes: device.bytes,
    canChat: chatTemplates.size > 0,
  }
}
