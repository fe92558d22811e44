import type { LabOffer } from './lab/offer'
import type { PageModel } from './model'
import { Remote } from './rpc'
import type { Engine, GenerateRequest, GenerateStats, ModelSource, Writing } from './types'

const once = <Value>(make: () => Value): (() => Value) => {
  let made: Value | undefined
  return () => {
    made ??= make()
    return made
  }
}

const startWorker = (name: 'model' | 'lab') =>
  new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name })

/** Pictures, training and tables: apart from the model, so that neither waits for the other. */
const lab = once(() => new Remote<LabOffer>(startWorker('lab')))

/** The code that speaks with models is loaded with the first one. */
const model = once(async (): Promise<PageModel> => {
  const { PageModel } = await import('./model')
  return new PageModel(lab())
})

/** What a model is loaded from. The page's own is read while the code that takes it is still on its way. */
const filesOf = async (source: ModelSource): Promise<string | readonly File[]> => {
  if (source.kind === 'embedded') return [await lab().call('stories', undefined)]
  return source.kind === 'files' ? source.files : source.name
}

const load: Engine['load'] = async (source, options) => {
  const worker = startWorker('model')
  const from = filesOf(source)
  // Where both fail, one error is enough.
  from.catch(() => {})
  try {
    return await (await model()).load(source, from, worker, options)
  } catch (error) {
    worker.terminate()
    throw error
  }
}

const generate = (request: GenerateRequest): Writing => {
  let stats: GenerateStats = { seed: 0, promptTokens: 0, tokens: 0, promptSeconds: 0, decodeSeconds: 0 }
  let text: Writing | undefined
  async function* pieces() {
    text = (await model()).generate(request)
    yield* text
  }
  return {
    [Symbol.asyncIterator]: pieces,
    get stats() {
      stats = text?.stats ?? stats
      return stats
    },
    get finishReason() {
      return text?.finishReason
    },
  }
}

/** Everything that the page computes. None of it runs on the page's own thread but sampling. */
export const engine: Engine = {
  devices: () => lab().call('devices', undefined),
  load,
  unload: async () => (await model()).unload(),
  generate,
  inspect: async (text, signal) => (await model()).inspect(text, signal),
  distribution: async (position, sampling) => (await model()).distribution(position, sampling),
  attention: async layer => (await model()).attention(layer),
  lens: async position => (await model()).lens(position),

  rotate: (headDim, theta, positions) => lab().call('rotate', { headDim, theta, positions }),
  rotaryScores: (headDim, theta, distances, shifts) =>
    lab().call('rotaryScores', { headDim, theta, distances, shifts }),
  normalise: values => lab().call('normalise', values),
  activations: (from, to, points, up) => lab().call('activations', { from, to, points, up }),
  kvCaches: () => lab().call('kvCaches', undefined),
  mixture: (totalTokens, rows) => lab().call('mixture', { totalTokens, rows }),
  train: (options, signal) => lab().stream('train', options, signal),
  merges: text => lab().call('merges', text),
}
