import type { CacheType } from '@cria/attention-variants'
import type { DType } from '@cria/dtypes'
import type { DeviceName, Tune } from 'cria'
import type { Contender } from '../hosts/contender'
import { inPage, modelUrl, transformersUrls, webLlmModule, wllamaUrls } from '../hosts/page'
import { inProcess } from '../hosts/process'
import { type Engine, engines, inPages, type PageEngine, versionOf } from '../peers'
import { llamaBatchedBench, llamaBench } from './llama-bench'
import type { MlcModel } from './mlc'
import type { OnnxModel } from './onnx'
import type { StreamSize } from './stream'

export interface ContenderOptions extends StreamSize {
  /** Path of the model that all load. */
  readonly model: string
  /** The type in which Cria holds matrices; as stored unless given. */
  readonly held?: DType | undefined
  readonly vocabSize: number
  readonly bytesPerPass: number
  readonly device: DeviceName | 'auto'
  readonly cache?: CacheType | undefined
  /** Of webgpu: whether it measures its variants first. */
  readonly tune?: Tune | undefined
  readonly software?: boolean | undefined
  /** Of webgpu: the likeliest tokens on `cpu`. */
  readonly expected?: readonly number[] | undefined
  readonly threads: number
  readonly peers: readonly Engine[]
  /** The program that `--llama-bench` names. */
  readonly llamaBench?: string | undefined
  /** The model as transformers.js loads it. */
  readonly onnx?: OnnxModel | undefined
  /** The model as WebLLM loads it. */
  readonly mlc?: MlcModel | undefined
  /** The Node that runs Cria; this one unless given. */
  readonly node?: string | undefined
}

/** A contender to start, and what it is compared with. */
export interface Entry {
  readonly name: string
  /** Sequences that it decodes together. */
  readonly sequences: number
  start(): Promise<Contender>
  /** The entry that measures the ceilings of its runtime. */
  readonly ceilings: string
  readonly against: readonly string[]
}

/** All contenders, and the ceilings of their runtimes. */
export interface Entries {
  readonly contenders: readonly Entry[]
  readonly ceilings: readonly Pick<Entry, 'name' | 'start'>[]
}

const IN_NODE = 'ceilings in Node'
/** Bytes of a small model that a GPU reads in no time. */
const LEAST_READ = 2 ** 26

const ON_GPU = 'ceilings of WebGPU in Node'
const IN_CHROMIUM = 'ceilings in Chromium'
const ON_GPU_OF_CHROMIUM = 'ceilings of WebGPU in Chromium'

/** Cria runs in Node beside native peers, in Chromium beside those of pages, and in Node without a peer. */
export const entriesOf = (options: ContenderOptions): Entries => {
  const { peers } = options
  const ofPages = inPages(peers)
  const native = peers.filter(peer => inPages([peer]).length === 0)
  const parts = [
    ...(native.length > 0 || peers.length === 0 ? [nodeEntries(options, native)] : []),
    ...(ofPages.length > 0 ? [pageEntries(options, ofPages)] : []),
  ]
  return {
    contenders: parts.flatMap(({ contenders }) => contenders),
    ceilings: parts.flatMap(({ ceilings }) => ceilings),
  }
}

const sizeOf = ({ prompt, depth, tokens, sequences }: StreamSize): StreamSize => ({ prompt, depth, tokens, sequences })

const criaOptions = (options: ContenderOptions) => {
  const { device, threads, tune, software, expected, held: weights, cache } = options
  return { ...sizeOf(options), device, threads, tune, software, expected, weights, cache }
}

const nodeEntries = (options: ContenderOptions, peers: readonly Engine[]): Entries => {
  const { model, threads, node, sequences, bytesPerPass, vocabSize, device } = options
  const limits =
    device === 'webgpu'
      ? {
          name: ON_GPU,
          start: () => inProcess(ON_GPU, 'gpu-ceilings', { bytes: Math.max(bytesPerPass, LEAST_READ) }, { node }),
        }
      : {
          name: IN_NODE,
          start: () => inProcess(IN_NODE, 'ceilings', { threads, bytes: bytesPerPass }, { node }),
        }
  const entry = (name: string, start: Entry['start'], against: readonly string[] = []): Entry => ({
    name,
    sequences,
    start,
    ceilings: limits.name,
    against,
  })
  const cria = (name: string, size: Partial<StreamSize> = {}) =>
    inProcess(name, 'inference', { ...criaOptions(options), ...size, model }, { node })
  const starts: Readonly<Record<string, Entry>> = {
    'llama-bench':
      sequences > 1
        ? entry('llama-batched-bench', () => llamaBatchedBench({ ...options, program: options.llamaBench }))
        : entry('llama-bench', () => llamaBench({ ...options, program: options.llamaBench })),
    'node-llama-cpp': entry('node-llama-cpp', () =>
      inProcess('node-llama-cpp', 'node-llama-cpp', { ...sizeOf(options), threads, vocabSize, model }),
    ),
  }
  const others = peers.map(peer => starts[peer])
  const alone = 'Cria in Node, one sequence'
  const single = { ...entry(alone, () => cria(alone, { sequences: 1 })), sequences: 1 }
  const beside = [...others, ...(sequences > 1 ? [single] : [])]
  const name = 'Cria in Node'
  return {
    contenders: [
      entry(
        name,
        () => cria(name),
        beside.map(({ name }) => name),
      ),
      ...beside,
    ],
    ceilings: [limits],
  }
}

/** Where `webgpu` is named, all run on the GPU; otherwise all on the processor, whatever `auto` would find. */
const pageEntries = (options: ContenderOptions, peers: readonly PageEngine[]): Entries => {
  const { model, threads, bytesPerPass, sequences, vocabSize } = options
  const device = options.device === 'auto' ? 'simd' : options.device
  const gpu = device === 'webgpu'
  const url = modelUrl(model)
  const limits = gpu
    ? {
        name: ON_GPU_OF_CHROMIUM,
        start: () => inPage(ON_GPU_OF_CHROMIUM, 'gpu-ceilings', { bytes: Math.max(bytesPerPass, LEAST_READ) }, model),
      }
    : {
        name: IN_CHROMIUM,
        start: () => inPage(IN_CHROMIUM, 'ceilings', { threads, bytes: bytesPerPass }, model),
      }
  const name = 'Cria in Chromium'
  const common = { sequences, ceilings: limits.name }
  const starts: Readonly<Record<PageEngine, () => Promise<Contender>>> = {
    wllama: () => inPage('wllama', 'wllama', { ...sizeOf(options), ...wllamaUrls, threads, gpu, model: url }, model),
    'transformers.js': () => {
      const { folder, type } = options.onnx as OnnxModel
      const asked = { ...sizeOf(options), ...transformersUrls, threads, vocabSize, type }
      const where = gpu ? 'webgpu' : 'wasm'
      return inPage('transformers.js', 'transformers', { ...asked, device: where, model: modelUrl(folder) }, folder)
    },
    'web-llm': async () => {
      const { folder, library, quantization } = options.mlc as MlcModel
      const urls = { module: webLlmModule, model: modelUrl(folder), library: `${modelUrl(folder)}/${library}` }
      const version = await versionOf(engines['web-llm'])
      return inPage('web-llm', 'web-llm', { ...sizeOf(options), ...urls, quantization, vocabSize, version }, folder)
    },
  }
  return {
    contenders: [
      {
        ...common,
        name,
        start: () => inPage(name, 'cria', { ...criaOptions({ ...options, device }), model: url }, model),
        against: peers,
      },
      ...peers.map(peer => ({ ...common, name: peer, start: starts[peer], against: [] })),
    ],
    ceilings: [limits],
  }
}
