import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromium, dist, goTo, openSite, type Site } from './site'

describe.skipIf(!chromium)('the model of the page', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite()
  })
  afterAll(() => site[Symbol.asyncDispose]())

  test('writes by itself when the page is opened, and the same again with its seed', async () => {
    const page = await site.open('#/write?prompt=Once%20upon%20a%20time&seed=5')
    await page.getByText('The stories model of Cria').waitFor()
    await page.locator('.made:not(:empty)').waitFor()
    await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 60_000 })
    const first = await page.locator('.made').textContent()
    expect(first?.split(' ').length).toBeGreaterThan(20)
    await page.getByRole('button', { name: 'Write', exact: true }).click()
    await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 60_000 })
    expect(await page.locator('.made').textContent()).toBe(first)
    await page.context().close()
  })

  test('takes the processor where there is no GPU, without fetching gpu.js', async () => {
    const page = await site.open('#/write?prompt=Once%20upon%20a%20time&seed=5')
    await page.locator('.made:not(:empty)').waitFor()
    const workers = await Promise.all(
      page.workers().map(worker =>
        worker.evaluate(() => ({
          name: self.name,
          fetched: performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop() as string),
        })),
      ),
    )
    const { fetched } = workers.find(({ name }) => name === 'model') as (typeof workers)[number]
    const assets = join(dist, 'assets')
    const gpuJs = readdirSync(assets).filter(name =>
      readFileSync(join(assets, name), 'utf8').includes('HeadlessGLKernel'),
    )
    expect(gpuJs).toHaveLength(1)
    expect(fetched.some(name => name.startsWith('device-'))).toBe(true)
    expect(fetched.filter(name => gpuJs.includes(name))).toEqual([])
    await page.context().close()
  })

  test('is not fetched by who looks at Understand alone', async () => {
    const page = await site.open('#/understand/norm')
    await page.locator('.chart svg').first().waitFor()
    expect(page.workers()).toHaveLength(1)
    await goTo(page, 'Write')
    await page.getByText('The stories model of Cria').waitFor()
    expect(page.workers()).toHaveLength(2)
    await page.context().close()
  })
})
