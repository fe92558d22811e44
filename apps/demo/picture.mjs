// Takes the picture of the README from the built page: `pnpm --filter @cria/demo picture`.
import { fileURLToPath } from 'node:url'
import { crossOriginIsolation, launchChromium, serve } from '@cria/browser'

const file = name => fileURLToPath(new URL(name, import.meta.url))
const text = 'Once upon a time, there was a little girl named Lily. She loved to play with her ball in the'

const site = await serve({ folders: { '/': file('dist') }, headers: crossOriginIsolation })
const browser = await launchChromium([])
const page = await browser.newPage({
  viewport: { width: 1280, height: 1400 },
  colorScheme: 'light',
  reducedMotion: 'reduce',
})
await page.goto(`${site.origin}/#/look?prompt=${encodeURIComponent(text)}`)
await page.locator('.token').last().click({ timeout: 60_000 })
await page.getByRole('img', { name: 'The likeliest next tokens' }).locator('svg').waitFor()
// Away from the token, whose shade changes under the pointer.
await page.mouse.move(0, 0)
await page.waitForTimeout(500)
const bottom = await page
  .locator('main .card')
  .last()
  .evaluate(element => element.getBoundingClientRect().bottom)
await page.screenshot({ path: file('picture.png'), clip: { x: 0, y: 0, width: 1280, height: Math.ceil(bottom) + 24 } })
await browser.close()
site.close()
