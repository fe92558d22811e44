import { promptText } from '../inference/prompt-text'
import type { StreamSample, StreamSize } from '../inference/stream'
import type { Job } from '../job'
import { counted } from '../report/format'

export interface WllamaOptions extends StreamSize {
  /** URL of a GGUF file. */
  readonly model: string
  readonly threads: number
  /** Whether all layers run on the GPU. */
  readonly gpu: boolean
  /** URLs of wllama's module and of its WebAssembly. */
  readonly module: string
  readonly wasm: string
}

/** The part of wllama that is used. It is not a dependency of the workspace, so its types are declared here. */
interface WllamaModule {
  Wllama: {
    new (
      paths: { default: string },
      config: { suppressNativeLog: boolean; logger: Record<'debug' | 'log' | 'warn' | 'error', Log> },
    ): Wllama
    getLibllamaVersion(): string
  }
}

type Log = (...parts: readonly unknown[]) => void

interface Wllama {
  loadModel(
    files: Blob[],
    options: { n_ctx: number; n_batch: number; n_threads: number; n_gpu_layers?: 0; warmup: false },
  ): Promise<void>
  isMultithread(): boolean
  getNumThreads(): number
  createCompletion(options: {
    prompt: string
    max_tokens: number
    temperature: 0
    ignore_eos: true
    cache_prompt: false
    stream: true
  }): Promise<AsyncIterable<{ readonly timings?: Timings }>>
  exit(): Promise<void>
}

/** llama.cpp's own account of a completion. */
interface Timings {
  readonly prompt_n: number
  readonly prompt_ms: number
  readonly predicted_n: number
  readonly predicted_ms: number
}

/** wllama in this page: llama.cpp as WebAssembly, or on WebGPU. It decodes the tokens that it chooses, right behind the prompt. */
export const prepare = async ({ model, module, wasm, threads, gpu, ...size }: WllamaOptions): Promise<Job> => {
  const { Wllama } = (await import(module)) as WllamaModule
  const lines: string[] = []
  const log: Log = (...parts) => lines.push(parts.join(' '))
  const logger = { debug: log, log, warn: log, error: log }
  const wllama = new Wllama({ default: new URL(wasm, location.href).href }, { logger, suppressNativeLog: !gpu })
  const file = await (await fetch(model)).blob()
  const count = size.prompt + size.tokens + 1
  const options = {
    n_ctx: count + 1,
    n_batch: size.prompt,
    n_threads: threads,
    ...(gpu ? {} : { n_gpu_layers: 0 as const }),
    warmup: false,
  } as const
  await wllama.loadModel([file], options)
  // Without a GPU that it can use, it runs on the CPU and only logs so.
  if (gpu && !lines.some(line => /(?<!CPU\S*) model buffer size/.test(line)))
    throw new Error('wllama holds the model on the CPU: it cannot use this GPU')
  // wllama takes no ids.
  const prompt = promptText(size.prompt)
  return {
    description: `${gpu ? 'WebGPU' : 'WebAssembly'}, ${Wllama.getLibllamaVersion()}, ${counted(wllama.isMultithread() ? wllama.getNumThreads() : 1, 'thread')}`,
    run: async (): Promise<StreamSample> => {
      let timings: Timings | undefined
      const request = {
        prompt,
        max_tokens: size.tokens + 1,
        temperature: 0,
        ignore_eos: true,
        cache_prompt: false,
      } as const
      const chunks = await wllama.createCompletion({ ...request, stream: true })
      for await (const chunk of chunks) timings = chunk.timings ?? timings
      if (timings?.prompt_n !== size.prompt || timings.predicted_n !== size.tokens + 1)
        throw new Error(
          `wllama was asked for ${size.prompt} + ${size.tokens + 1} tokens and did ${JSON.stringify(timings)}`,
        )
      return {
        prefill: timings.prompt_ms / 1000,
        // Its clock starts with the first token.
        decode: timings.predicted_ms / 1000,
      }
    },
    close: () => wllama.exit(),
  }
}
