import type { LabOffer } from './lab/worker'
import type { ModelOffer } from './model/worker'
import { Remote } from './rpc'
import type { Engine, GenerateRequest, GenerateStats, LoadOptions, ModelSource, Writing } from './types'

const once = <Value>(make: () => Value): (() => Value) => {
  let made: Value | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Pictures and training: apart from the model, so that neither waits for the other. */
const lab = once(
  () => new Remote<LabOffer>(new Worker(new URL('./lab/worker.ts', import.meta.url), { type: 'module', name: 'lab' })),
)

const model = once(
  () =>
    new Remote<ModelOffer>(
      new Worker(new URL('./model/worker.ts', import.meta.url), { type: 'module', name: 'model' }),
    ),
)

const load = async (source: ModelSource, { device, onProgress, signal }: LoadOptions) => {
  const progress = model().stream('load', { source, device }, signal)
  for (;;) {
    const { value, done } = await progress.next()
    if (done) return value
    onProgress(value)
  }
}

const generate = ({ signal, ...request }: GenerateRequest): Writing => {
  let stats: GenerateStats = { seed: 0, promptTokens: 0, tokens: 0, promptSeconds: 0, decodeSeconds: 0 }
  let finishReason: string | undefined
  async function* texts() {
    const answers = model().stream('generate', request, signal)
    for (;;) {
      const { value, done } = await answers.next()
      stats = value.stats
      if (done) {
        finishReason = value.finishReason
        return
      }
      yield value.text
    }
  }
  return {
    [Symbol.asyncIterator]: texts,
    get stats() {
      return stats
    },
    get finishReason() {
      return finishReason
    },
  }
}

/** Everything that the page computes, in workers. */
export const engine: Engine = {
  devices: () => model().call('devices', undefined),
  load,
  unload: () => model().call('unload', undefined),
  generate,
  inspect: (text, signal) => model().call('inspect', text, signal),
  distribution: (position, sampling) => model().call('distribution', { position, sampling }),
  attention: layer => model().call('attention', layer),
  lens: position => model().call('lens', position),

  rotate: (headDim, theta, positions) => lab().call('rotate', { headDim, theta, positions }),
  rotaryScores: (headDim, theta, distances, shifts) =>
    lab().call('rotaryScores', { headDim, theta, distances, shifts }),
  normalise: values => lab().call('normalise', values),
  activations: (from, to, points, up) => lab().call('activations', { from, to, points, up }),
  kvCaches: () => lab().call('kvCaches', undefined),
  mixture: (totalTokens, rows) => lab().call('mixture', { totalTokens, rows }),
  merges: text => lab().call('merges', text),
}
