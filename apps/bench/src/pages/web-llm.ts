import { fixedIds, type StreamSample, type StreamSize } from '../inference/stream'
import type { Job } from '../job'

export interface WebLlmOptions extends StreamSize {
  /** URLs of the model's folder, and of the library that is its code. */
  readonly model: string
  readonly library: string
  /** MLC's name of how weights are held. */
  readonly quantization: string
  readonly vocabSize: number
  /** URL of WebLLM, and its version, which the module does not say. */
  readonly module: string
  readonly version: string
}

/** The part of WebLLM that is used. It is not a dependency of the workspace, so its types are declared here. */
interface WebLlmModule {
  readonly MLCEngine: new (config: {
    appConfig: { model_list: readonly { model: string; model_id: string; model_lib: string }[] }
    logLevel: 'ERROR'
  }) => Engine
}

interface Engine {
  reload(id: string, options: { context_window_size: number; temperature: 0 }): Promise<void>
  /** Appends tokens to the cache. @returns the next token */
  forwardTokensAndSample(ids: readonly number[], isPrefill: boolean): Promise<number>
  resetChat(): Promise<void>
  getGPUVendor(): Promise<string>
  unload(): Promise<void>
}

const ID = 'model'

/** WebLLM in this page, on WebGPU. It decodes the tokens that it chooses, right behind the prompt. */
export const prepare = async (options: WebLlmOptions): Promise<Job> => {
  const { model, library, quantization, vocabSize, module, version, ...size } = options
  const { MLCEngine } = (await import(module)) as WebLlmModule
  const absolute = (url: string) => new URL(url, location.href).href
  const list = [{ model: absolute(model), model_id: ID, model_lib: absolute(library) }]
  const engine = new MLCEngine({ appConfig: { model_list: list }, logLevel: 'ERROR' })
  await engine.reload(ID, { context_window_size: size.prompt + size.tokens, temperature: 0 }).catch(error => {
    throw error instanceof WebAssembly.LinkError
      ? new Error(`the library was not made for WebLLM ${version}: ${error.message}`)
      : error
  })
  const ids = fixedIds(size.prompt, vocabSize)
  return {
    description: `WebLLM ${version}, ${quantization}, ${await engine.getGPUVendor()}`,
    run: async (): Promise<StreamSample> => {
      await engine.resetChat()
      const start = performance.now()
      let id = await engine.forwardTokensAndSample(ids, true)
      const first = performance.now()
      for (let i = 0; i < size.tokens; i++) id = await engine.forwardTokensAndSample([id], false)
      return { prefill: (first - start) / 1000, decode: (performance.now() - first) / 1000 }
    },
    close: () => engine.unload(),
  }
}
