import { basename, dirname } from 'node:path'
import { type Browser, chromium, crossOriginIsolation, launchChromium, type Server, serve } from '@cria/browser'
import { ContenderError } from '../errors'
import { pagesFolder } from '../folders'
import type { Job, Sample } from '../job'
import { packageFolder } from '../peers'
import type { Contender } from './contender'
import { peakResidentBytes } from './resident'

/** Modules of `pages/`, and what they are asked for. */
export interface PageOptions {
  readonly ceilings: import('../ceilings/measure').CeilingOptions
  readonly 'gpu-ceilings': import('../gpu/ceilings').GpuCeilingOptions
  readonly cria: import('../pages/cria').CriaPageOptions
  readonly wllama: import('../pages/wllama').WllamaOptions
  readonly transformers: import('../pages/transformers').TransformersOptions
  readonly 'web-llm': import('../pages/web-llm').WebLlmOptions
}

/** The URL at which pages find the model with this path. */
export const modelUrl = (path: string): string => `/model/${encodeURIComponent(basename(path))}`

/** URLs of what wllama consists of. */
export const wllamaUrls = { module: '/wllama/esm/index.js', wasm: '/wllama/esm/wasm/wllama.wasm' }

/** The URL of WebLLM. */
export const webLlmModule = '/web-llm/lib/index.js'

/** URLs of transformers.js, and of the WebAssembly that it fetches. */
export const transformersUrls = { module: '/transformers/dist/transformers.min.js', runtime: '/onnxruntime/dist/' }

/** Loading a model of some gigabytes, or a slow device's run, may take long; a hung page should not take for ever. */
const TIMEOUT_MS = 600_000

const page = '<!doctype html><meta charset="utf-8"><title>Cria bench</title>'

/** An empty page at `/`, which may share memory between threads, and what jobs fetch. A model is below `/model`. */
const serveBench = (model: string): Promise<Server> =>
  serve({
    files: { '/': new TextEncoder().encode(page) },
    folders: {
      '/pages': pagesFolder,
      '/wllama': packageFolder('@wllama/wllama'),
      '/transformers': packageFolder('@huggingface/transformers'),
      '/web-llm': packageFolder('@mlc-ai/web-llm'),
      '/onnxruntime': packageFolder('onnxruntime-web'),
      // As on a hub of models, where WebLLM looks for the files of one.
      [`${modelUrl(model)}/resolve/main`]: model,
      '/model': dirname(model),
    },
    headers: crossOriginIsolation,
  })

/**
 * Makes a job ready in a page of its own headless Chromium.
 * @param model path of the model's file or folder, which pages fetch
 * @throws ContenderError when there is no Chromium, or the page fails
 */
export const inPage = async <N extends keyof PageOptions>(
  name: string,
  job: N,
  options: PageOptions[N],
  model: string,
): Promise<Contender> => {
  if (!chromium) throw new ContenderError(`${name}: there is no Chromium; install one or name it in CRIA_CHROMIUM`)
  const server = await serveBench(model)
  const browser = await launchChromium(['--enable-unsafe-webgpu']).catch(error => {
    server.close()
    throw new ContenderError(`${name}: Chromium does not start: ${error.message}`)
  })
  const close = async () => {
    await browser.close()
    server.close()
  }
  try {
    const tab = await browser.newPage()
    await tab.goto(server.origin)
    const pids = await rendererIds(browser)
    const evaluate = async <T>(expression: string): Promise<T> => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS / 1000} seconds`)), TIMEOUT_MS)
      })
      try {
        return await Promise.race([tab.evaluate<T>(expression), late])
      } catch (error) {
        const [problem] = (error as Error).message.split('\n')
        throw new ContenderError(`${name}: in the page: ${problem}`)
      } finally {
        clearTimeout(timer)
      }
    }
    const prepare = `import('/pages/${job}.js').then(module => module.prepare(${JSON.stringify(options)}))`
    const { description, details } = await evaluate<Pick<Job, 'description' | 'details'>>(
      `${prepare}.then(job => ((globalThis.job = job), { description: job.description, details: job.details }))`,
    )
    return {
      name,
      description: `Chromium ${browser.version()}, ${description}`,
      details,
      run: () => evaluate<Sample>('job.run()'),
      peakBytes: async () => largest(await Promise.all(pids.map(peakResidentBytes))),
      close: async () => {
        await evaluate('job.close()').finally(close)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The processes that pages run in: this browser has but one page. */
const rendererIds = async (browser: Browser): Promise<number[]> => {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

/** A spare renderer may stand by: the page's own is the largest. */
const largest = (sizes: readonly (number | undefined)[]): number | undefined => {
  const known = sizes.filter(size => size !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
