import type { WeightDType } from '@cria/checkpoint'
import type { DeviceName } from 'cria'
import type { Contender } from '../hosts/contender'
import { inPage, modelUrl, wllamaUrls } from '../hosts/page'
import { inProcess } from '../hosts/process'
import type { Engine } from '../peers'
import type { StreamSize } from './stream'

export interface ContenderOptions extends StreamSize {
  /** Path of the model that all load. */
  readonly model: string
  readonly weights: WeightDType
  readonly vocabSize: number
  readonly bytesPerToken: number
  readonly device: DeviceName | 'auto'
  readonly threads: number
  readonly peers: readonly Engine[]
  /** The Node that runs Cria; this one unless given. */
  readonly node?: string | undefined
}

/** A contender to start, and with whom it is measured. */
export interface Entry {
  readonly name: string
  start(): Promise<Contender>
  /** The entry that measures the ceilings of its runtime. */
  readonly ceilings: string
  readonly against?: string
}

/** All that run, and the ceilings of each runtime among them. */
export interface Entries {
  readonly contenders: readonly Entry[]
  readonly ceilings: readonly Omit<Entry, 'ceilings'>[]
}

/** Cria runs where its peer does: in Node beside llama.cpp, in Chromium beside wllama. Without a peer, in Node. */
export const entriesOf = (options: ContenderOptions): Entries => {
  const { model, weights, vocabSize, device, threads, peers, node, prompt, tokens } = options
  const size = { prompt, tokens }
  const cria = { ...size, device, threads, weights }
  const limits = { threads, bytes: options.bytesPerToken }
  const contenders: Entry[] = []
  const ceilings: Entries['ceilings'][number][] = []
  if (peers.includes('llama.cpp') || !peers.includes('wllama')) {
    const [name, limit] = ['Cria in Node', 'ceilings in Node']
    ceilings.push({ name: limit, start: () => inProcess(limit, 'ceilings', limits, { node }) })
    const start = () => inProcess(name, 'inference', { ...cria, model }, { node })
    if (!peers.includes('llama.cpp')) contenders.push({ name, start, ceilings: limit })
    else {
      contenders.push({ name, start, ceilings: limit, against: 'llama.cpp' })
      const native = () => inProcess('llama.cpp', 'llama.cpp', { ...size, threads, vocabSize, model })
      contenders.push({ name: 'llama.cpp', start: native, ceilings: limit })
    }
  }
  if (peers.includes('wllama')) {
    const [name, limit] = ['Cria in Chromium', 'ceilings in Chromium']
    const url = modelUrl(model)
    ceilings.push({ name: limit, start: () => inPage(limit, 'ceilings', limits, model) })
    const start = () => inPage(name, 'cria', { ...cria, model: url }, model)
    contenders.push({ name, start, ceilings: limit, against: 'wllama' })
    const wasm = () => inPage('wllama', 'wllama', { ...size, ...wllamaUrls, threads, model: url }, model)
    contenders.push({ name: 'wllama', start: wasm, ceilings: limit })
  }
  return { contenders, ceilings }
}
