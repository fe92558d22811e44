import { type StreamSize, timeStream } from '../inference/stream'
import type { Job } from '../job'
import { importPeer, versionOf } from '../peers'
import { counted } from '../report/format'

export interface NodeLlamaCppOptions extends StreamSize {
  /** Path of a GGUF file. */
  readonly model: string
  readonly threads: number
  readonly vocabSize: number
}

/** The part of node-llama-cpp that is used. */
interface NodeLlamaCpp {
  getLlama(options: {
    gpu: false
    build: 'never'
    skipDownload: true
    logLevel: 'error'
    maxThreads: number
  }): Promise<{
    loadModel(options: { modelPath: string; gpuLayers: 0 }): Promise<{
      createContext(options: {
        contextSize: number
        batchSize: number
        threads: number
        sequences: 1
      }): Promise<{ getSequence(): Sequence }>
    }>
    readonly llamaCppRelease: { readonly release: string }
    dispose(): Promise<void>
  }>
}

interface Sequence {
  clearHistory(): Promise<void>
  evaluate(
    tokens: readonly number[],
    options: { temperature: 0; yieldEogToken: true },
  ): AsyncGenerator<number, void, number | undefined>
}

/** Tokens of a pass: llama.cpp's default for prompts. */
const BATCH = 512

/** llama.cpp in this Node: the prebuilt program of node-llama-cpp, without a GPU. It runs one sequence. */
export const prepare = async ({ model, threads, vocabSize, ...size }: NodeLlamaCppOptions): Promise<Job> => {
  const { getLlama } = await importPeer<NodeLlamaCpp>('node-llama-cpp', 'dist/index.js')
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    logLevel: 'error',
    maxThreads: threads,
  })
  const loaded = await llama.loadModel({ modelPath: model, gpuLayers: 0 })
  // One row to spare: the context is never full.
  const contextSize = size.depth + size.tokens + 1
  const context = await loaded.createContext({ contextSize, batchSize: BATCH, threads, sequences: 1 })
  const sequence = context.getSequence()
  return {
    description: `native ${llama.llamaCppRelease.release}, node-llama-cpp ${await versionOf('node-llama-cpp')}, ${counted(threads, 'thread')}`,
    run: async () => {
      await sequence.clearHistory()
      let stream: ReturnType<Sequence['evaluate']> | undefined
      try {
        return await timeStream(size, vocabSize, async ([next]) => {
          // A token given to the generator replaces the one that it chose.
          if (stream && next.length === 1) return stream.next(next[0])
          await stream?.return()
          stream = sequence.evaluate(next, { temperature: 0, yieldEogToken: true })
          return stream.next()
        })
      } finally {
        await stream?.return()
      }
    },
    close: () => llama.dispose(),
  }
}
