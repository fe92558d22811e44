import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromium, goTo, openSite, type Site } from './site'

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
