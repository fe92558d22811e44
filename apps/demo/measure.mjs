// Measures the built page in Chromium: `pnpm --filter @cria/demo measure`. Prints milliseconds; they depend on the machine, so no
// test asks for them.
import { fileURLToPath } from 'node:url'
import { crossOriginIsolation, launchChromium, serve } from '@cria/browser'

const site = await serve({
  folders: { '/': fileURLToPath(new URL('dist', import.meta.url)) },
  headers: crossOriginIsolation,
})
const browser = await launchChromium([])

const open = async hash => {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${site.origin}/${hash}`)
  return page
}

/**
 * The longest tasks of the page's main thread while something runs, by a trace of Chromium: milliseconds from their start to their
 * end, and of processor time. The first holds what other programs take on a busy machine.
 */
const longestTasks = async (page, run) => {
  await browser.startTracing(page, {
    categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'],
  })
  // A mark tells the page's process from that of any other page.
  await page.evaluate(() => console.timeStamp('measured'))
  await run()
  const { traceEvents: events } = JSON.parse(String(await browser.stopTracing()))
  const { pid, tid } = events.find(({ name, args }) => name === 'TimeStamp' && args.data?.message === 'measured')
  return events
    .filter(event => event.name === 'RunTask' && event.pid === pid && event.tid === tid)
    .sort((a, b) => b.dur - a.dur)
    .slice(0, 5)
    .map(({ dur, tdur }) => `${(dur / 1000).toFixed(1)} (${(tdur / 1000).toFixed(1)})`)
}

/** Milliseconds from the start of the page's load, or from `since`, until what a selector finds is there. */
const when = (page, selector, since = 0) =>
  page
    .waitForFunction(selector => document.querySelector(selector) && performance.now(), selector, {
      polling: 5,
      timeout: 120_000,
    })
    .then(async handle => Math.round((await handle.jsonValue()) - since))

const report = (what, value) => console.log(`${what}: ${Array.isArray(value) ? value.join(', ') || 'none' : value}`)

const page = await open('#/write')
report('from the load of the page to its first written text, ms', await when(page, '.made:not(:empty)'))
await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 120_000 })
// All devices have been tried out once they can be chosen.
await page.locator('#device option', { hasText: /^cpu$/ }).waitFor({ state: 'attached', timeout: 120_000 })
const whileWriting = await longestTasks(page, async () => {
  await page.getByRole('button', { name: 'Write', exact: true }).click()
  await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 120_000 })
})
report('tokens written', await page.locator('.figures strong').first().textContent())
report('longest tasks of the page meanwhile, ms (of processor time)', whileWriting)

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
const whileTraining = await longestTasks(training, async () => {
  await training.getByRole('button', { name: 'Train' }).click()
  await training.getByText('done, 100 steps').waitFor({ timeout: 120_000 })
})
report('longest tasks of the page while it trains 100 steps, ms (of processor time)', whileTraining)

await browser.close()
site.close()
