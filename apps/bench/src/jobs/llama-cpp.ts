import { fixedIds, type StreamSize, timeStream } from '../inference/stream'
import type { Job } from '../job'
import { importPeer, versionOf } from '../peers'
import { counted } from '../report/format'

export interface LlamaCppOptions extends StreamSize {
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

/** llama.cpp, native, in this Node: the prebuilt binary of node-llama-cpp, without a GPU. */
export const prepare = async ({ model, threads, vocabSize, ...size }: LlamaCppOptions): Promise<Job> => {
  const { getLlama } = await importPeer<NodeLlamaCpp>('node-llama-cpp', 'dist/index.js')
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    logLevel: 'error',
    maxThreads: threads,
  })
  const loaded = await llama.loadModel({ modelPath: model, gpuLayers: 0 })
  const count = size.prompt + size.tokens
  // One row to spare: the context is never full.
  const context = await loaded.createContext({ contextSize: count + 1, batchSize: size.prompt, threads, sequences: 1 })
  const sequence = context.getSequence()
  const ids = fixedIds(count, vocabSize)
  return {
    description: `native ${llama.llamaCppRelease.release}, node-llama-cpp ${await versionOf('node-llama-cpp')}, ${counted(threads, 'thread')}`,
    run: async () => {
      await sequence.clearHistory()
      let stream: ReturnType<Sequence['evaluate']> | undefined
      try {
        return await timeStream(ids, size, async next => {
          // A token handed to the generator takes the place of the one that it chose.
          if (stream) return stream.next(next[0])
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
