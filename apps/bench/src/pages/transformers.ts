import { fixedIds, type StreamSample, type StreamSize } from '../inference/stream'
import type { Job } from '../job'
import { counted } from '../report/format'

export interface TransformersOptions extends StreamSize {
  /** URL of a folder in Hugging Face's layout. */
  readonly model: string
  /** The type of its weights by transformers.js's names, such as `q4`. */
  readonly type: string
  readonly device: 'wasm' | 'webgpu'
  readonly vocabSize: number
  readonly threads: number
  /** URLs of transformers.js, and of the folder that holds ONNX Runtime's WebAssembly. */
  readonly module: string
  readonly runtime: string
}

/** The part of transformers.js that is used. It is not a dependency of the workspace, so its types are declared here. */
interface TransformersModule {
  readonly env: {
    readonly version: string
    allowRemoteModels: boolean
    allowLocalModels: boolean
    localModelPath: string
    useBrowserCache: boolean
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string; numThreads: number } } }
  }
  readonly AutoModelForCausalLM: {
    from_pretrained(model: string, options: { dtype: string; device: string }): Promise<Model>
  }
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => object
  readonly BaseStreamer: new () => Streamer
}

interface Streamer {
  put(ids: readonly (readonly bigint[])[]): void
  end(): void
}

interface Model {
  generate(options: {
    inputs: object
    attention_mask: object
    max_new_tokens: number
    min_new_tokens: number
    do_sample: false
    streamer: Streamer
  }): Promise<unknown>
  dispose(): Promise<unknown>
}

/** transformers.js in this page: ONNX Runtime. It decodes the tokens that it chooses, right behind the prompt. */
export const prepare = async (options: TransformersOptions): Promise<Job> => {
  const { model: url, type, device, vocabSize, threads, module, runtime, ...size } = options
  const { env, AutoModelForCausalLM, Tensor, BaseStreamer } = (await import(module)) as TransformersModule
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.localModelPath = '/'
  env.useBrowserCache = false
  Object.assign(env.backends.onnx.wasm, { wasmPaths: new URL(runtime, location.href).href, numThreads: threads })
  const model = await AutoModelForCausalLM.from_pretrained(url.slice(1), { dtype: type, device })

  /** The times at which tokens became known: first the prompt's, then each new one's. */
  class Clock extends BaseStreamer {
    readonly times: number[] = []
    override put() {
      this.times.push(performance.now())
    }
    override end() {}
  }
  const ids = (values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const count = size.tokens + 1
  return {
    description: `transformers.js ${env.version}, ${device}, ${type}, ${counted(threads, 'thread')}`,
    run: async (): Promise<StreamSample> => {
      const clock = new Clock()
      const start = performance.now()
      await model.generate({
        inputs: ids(fixedIds(size.prompt, vocabSize)),
        attention_mask: ids(new Array<number>(size.prompt).fill(1)),
        max_new_tokens: count,
        min_new_tokens: count,
        do_sample: false,
        streamer: clock,
      })
      const [, first, ...rest] = clock.times
      if (rest.length !== size.tokens)
        throw new Error(`transformers.js was asked for ${count} tokens and wrote ${rest.length + 1}`)
      return { prefill: (first - start) / 1000, decode: (rest[rest.length - 1] - first) / 1000 }
    },
    close: async () => {
      await model.dispose()
    },
  }
}
