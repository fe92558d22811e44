import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, crossOriginIsolation, launchChromium, serve, softwareGpu } from '@cria/browser'
import type { BrowserContextOptions, Page } from 'playwright-core'

export { chromium }

export const dist = fileURLToPath(new URL('../dist', import.meta.url))

const stories = fileURLToPath(new URL('../../../../shared/data/stories260K', import.meta.url))

/** A trained model for tests; undefined where the shared data is absent. */
export const storiesModel = existsSync(stories)
  ? {
      gguf: `${stories}/stories260K.gguf`,
      llama2c: [`${stories}/stories260K.bin`, `${stories}/tok512.bin`],
      golden: `${stories}/golden.json`,
    }
  : undefined

/** The built site, served as a static host does, and a browser to look at it. */
export interface Site extends AsyncDisposable {
  readonly browser: Browser
  /** Opens a page of the site: at a hash, in its own browser profile. */
  open(hash?: string, options?: BrowserContextOptions): Promise<Page>
}

/**
 * @param options.isolated whether the host sends the headers that threads need
 * @param options.flags of the browser
 */
export const openSite = async ({ isolated = false, flags = [] as readonly string[] } = {}): Promise<Site> => {
  if (!existsSync(dist)) throw new Error('the demo is not built: run `pnpm --filter @cria/demo build` first')
  const server = await serve({ folders: { '/': dist }, ...(isolated && { headers: crossOriginIsolation }) })
  const browser = await launchChromium([...softwareGpu, ...flags]).catch(error => {
    server.close()
    throw error
  })
  return {
    browser,
    open: async (hash = '', options = {}) => {
      const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
      const page = await context.newPage()
      await page.goto(`${server.origin}/${hash}`)
      return page
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close()
      server.close()
    },
  }
}

/** Gives files to the page, as a person does, and waits until the model is open. */
export const openModel = async (page: Page, files: string | string[]): Promise<void> => {
  await goTo(page, 'Your model')
  await page.setInputFiles('input[type=file]', files)
  const name = basename(typeof files === 'string' ? files : files[0])
  await page.getByRole('heading', { name: `${name} is open` }).waitFor({ timeout: 60_000 })
}

export const goTo = (page: Page, name: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click()
