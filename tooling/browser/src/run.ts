import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { launchChromium, softwareGpu } from './chromium'
import { type Site, serve } from './serve'

export interface BrowserRun {
  /** The module to run: a path or a `file:` URL. Its default export is a function, async or not. */
  entry: string | URL
  /** The argument of the function: any value that `JSON.stringify` can write. */
  input?: unknown
  /** Files the page may fetch. */
  files?: Site['files']
  headers?: Site['headers']
  /** Flags of Chromium, in place of `softwareGpu`. */
  args?: readonly string[]
  /** Minify the bundle, as a user's bundler would. */
  minify?: boolean
  /** Milliseconds before the browser is closed and the run fails; default 120,000. */
  timeout?: number
}

const page = '<!doctype html><meta charset="utf-8"><title>Cria test</title>'

/**
 * Bundles `entry` from the sources of the workspace, runs it in a page of headless Chromium, and resolves with the
 * awaited result of its default export (through JSON: convert a typed array by `Array.from`).
 * Rejects with the page's error or a timeout; the message includes the output of the page's console.
 */
export async function runInBrowser(run: BrowserRun): Promise<unknown> {
  const { entry, input = null, files = {}, headers = {}, args = softwareGpu, minify = false, timeout = 120_000 } = run
  const bundle = await bundleForBrowser(typeof entry === 'string' ? entry : fileURLToPath(entry), minify)
  const index = new TextEncoder().encode(page)
  const server = await serve({ files: { '/': index, '/entry.js': bundle, ...files }, headers })
  const browser = await launchChromium(args).catch(error => {
    server.close()
    throw error
  })
  const log: string[] = []
  let timer: NodeJS.Timeout | undefined
  try {
    const tab = await browser.newPage()
    tab.on('console', message => log.push(`${message.type()}: ${message.text()}`))
    tab.on('pageerror', error => log.push(`error: ${error.message}`))
    await tab.goto(server.origin)
    const call = `import('/entry.js').then(module => module.default(${JSON.stringify(input)}))`
    const result = tab.evaluate<string>(`${call}.then(value => JSON.stringify(value) ?? 'null')`)
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no result after ${timeout} ms`)), timeout)
    })
    return JSON.parse(await Promise.race([result, late]))
  } catch (error) {
    throw new Error(['in the page:', (error as Error).message, ...log].join('\n'), { cause: error })
  } finally {
    clearTimeout(timer)
    await browser.close()
    server.close()
  }
}

/** One ES module, its imports of the workspace taken from sources. */
async function bundleForBrowser(entry: string, minify: boolean): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@cria/source'],
    external: ['node:*'],
    loader: { '.gguf': 'binary' }, // the embedded model's weights, as in the build of its package
    minify,
    logLevel: 'silent',
  })
  return outputFiles[0].contents
}
