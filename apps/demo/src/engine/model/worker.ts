import { listDevices, loadModel, type Model } from 'cria'
import { serve } from '../rpc'
import type { ChatMessage, DeviceChoice, LoadProgress, ModelFacts, ModelSource, Sampling } from '../types'
import { Inspection } from './inspection'

let model: Model | undefined
let inspection: Inspection | undefined

const loaded = (): Model => {
  if (!model) throw new Error('no model is loaded: open one under "Your model"')
  return model
}

const inspected = (): Inspection => {
  if (!inspection) throw new Error('no text has been looked at yet')
  return inspection
}

const offer = {
  devices: async (): Promise<readonly DeviceChoice[]> =>
    (await listDevices()).map(({ name, available, detail, software }) => ({ name, available, detail, software })),

  async *load(
    { source, device }: { source: ModelSource; device: string },
    signal: AbortSignal,
  ): AsyncGenerator<LoadProgress, ModelFacts, void> {
    await model?.dispose()
    model = undefined
    inspection = undefined
    if (source.kind === 'embedded') throw new Error('this page has no model of its own')
    const from = source.kind === 'files' ? source.files : source.name
    let latest: LoadProgress | undefined
    let wake = () => {}
    const loading = loadModel(from, {
      device: device as 'auto',
      signal,
      onProgress: progress => {
        latest = progress
        wake()
      },
    })
    let ended = false
    const end = loading.finally(() => {
      ended = true
      wake()
    })
    end.catch(() => {})
    while (!ended) {
      await new Promise<void>(resolve => {
        wake = resolve
        if (ended) resolve()
      })
      if (latest && !ended) yield latest
    }
    model = await loading
    return facts(model, source)
  },

  unload: async (_: undefined) => {
    await model?.dispose()
    model = undefined
    inspection = undefined
  },

  async *generate(
    { from, seed, ...sampling }: Sampling & { from: string | readonly ChatMessage[]; seed: number | undefined },
    signal: AbortSignal,
  ) {
    if (typeof from !== 'string') throw new Error('this model has no chat template')
    const writing = loaded().generate(from, { ...sampling, seed, signal })
    for await (const text of writing) yield { text, stats: { ...writing.stats, seed: writing.seed } }
    return { stats: { ...writing.stats, seed: writing.seed }, finishReason: writing.finishReason }
  },

  inspect: async (text: string, signal: AbortSignal) => {
    inspection = await Inspection.of(loaded(), text, signal)
    return inspection.summary
  },
  distribution: ({ position, sampling }: { position: number; sampling: Sampling }) =>
    inspected().distribution(position, sampling),
  attention: (layer: number) => inspected().attention(layer),
  lens: (position: number) => inspected().lens(position),
}

const facts = ({ network, config, device, format, maxSeqLen }: Model, source: ModelSource): ModelFacts => ({
  name: source.kind === 'files' ? source.files[0].name : source.kind === 'named' ? source.name : 'embedded',
  format,
  device: device.name,
  deviceDetail: device.description,
  parameters: network.parameterCount,
  layers: config.n_layers,
  dim: config.dim,
  heads: config.n_heads,
  kvHeads: config.n_kv_heads,
  vocabulary: config.vocab_size,
  context: maxSeqLen,
  bytes: device.memory.bytes,
  canChat: false,
})

export type ModelOffer = typeof offer

serve(offer)
