// Measures the built page in Chromium: `pnpm --filter @cria/demo measure`. Prints milliseconds; they depend on the machine, so no
// test asks for them.
import { fileURLToPath } from 'node:url'
import { crossOriginIsolation, launchChromium, serve } from '@cria/browser'

const site = await serve({
  folders: { '/': fileURLToPath(new URL('dist', import.meta.url)) },
  headers: crossOriginIsolation,
})
const browser = await launchChromium([])

/** Opens a view; from then on, what holds its thread for more than 50 ms is noted. */
const open = async hash => {
  const page = await (await browser.newContext()).newPage()
  await page.addInitScript(() => {
    window.longTasks = []
    new PerformanceObserver(list => {
      for (const { duration } of list.getEntries()) window.longTasks.push(Math.round(duration))
    }).observe({ type: 'longtask' })
  })
  await page.goto(`${site.origin}/${hash}`)
  return page
}

/** Milliseconds from the start of the page's load, or from `since`, until what a selector finds is there. */
const when = (page, selector, since = 0) =>
  page
    .waitForFunction(selector => document.querySelector(selector) && performance.now(), selector, {
      polling: 5,
      timeout: 120_000,
    })
    .then(async handle => Math.round((await handle.jsonValue()) - since))

const clearLongTasks = page =>
  page.evaluate(() => {
    window.longTasks = []
  })
const longTasks = page => page.evaluate(() => window.longTasks)
const report = (what, value) => console.log(`${what}: ${Array.isArray(value) ? value.join(', ') || 'none' : value}`)

const page = await open('#/write')
report('from the load of the page to its first written text, ms', await when(page, '.made:not(:empty)'))
await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 120_000 })
await clearLongTasks(page)
await page.getByRole('button', { name: 'Write', exact: true }).click()
await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 120_000 })
report('tokens written', await page.locator('.figures strong').first().textContent())
report('tasks of the page over 50 ms meanwhile', await longTasks(page))

await page.getByLabel('Length').fill('500')
const stops = []
for (let round = 0; round < 5; round++) {
  await page.getByRole('button', { name: 'Write', exact: true }).click()
  await when(page, 'button.stop')
  await page.waitForTimeout(200)
  const clicked = await page.evaluate(() => {
    const now = performance.now()
    document.querySelector('button.stop').click()
    return now
  })
  stops.push(await when(page, 'button[type=submit]', clicked))
}
report('from a click on Stop until it has stopped, ms', stops)
await page.context().close()

const training = await open('#/understand/training')
await training.locator('.chart svg').first().waitFor()
await training.getByLabel('Steps').fill('100')
await clearLongTasks(training)
await training.getByRole('button', { name: 'Train' }).click()
await training.getByText('done, 100 steps').waitFor({ timeout: 120_000 })
report('tasks of the page over 50 ms while it trains 100 steps', await longTasks(training))

await browser.close()
site.close()
