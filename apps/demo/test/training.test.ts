import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromium, openSite, type Site } from './site'

describe.skipIf(!chromium)('training in the tab', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite()
  })
  afterAll(() => site[Symbol.asyncDispose]())

  test('lowers the loss, and writes samples as it goes', async () => {
    const page = await site.open('#/understand/training')
    await page.getByLabel('Steps').fill('100')
    await page.getByRole('button', { name: 'Train' }).click()
    await page.getByText('done, 100 steps').waitFor({ timeout: 100_000 })
    const label = await page.getByRole('img', { name: 'The loss fell' }).getAttribute('aria-label')
    const [, first, last] = /from ([\d.]+) to ([\d.]+) in 100 steps/.exec(label ?? '') ?? []
    // At first all tokens are about equally likely: the loss is the logarithm of their number.
    expect(Number(first)).toBeGreaterThan(5)
    expect(Number(last)).toBeLessThan(1.5)
    expect(await page.locator('.samples li').count()).toBe(5)
    expect(await page.locator('.samples .story').first().textContent()).toMatch(/llama|bird|hill|sky/)
    await page.context().close()
  })

  test('stops when it is told to, and says what a text lacks', async () => {
    const page = await site.open('#/understand/training')
    await page.getByLabel('Steps').fill('600')
    await page.getByRole('button', { name: 'Train' }).click()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Train' }).waitFor()
    expect(await page.getByRole('alert').textContent()).toBe('')

    await page.getByLabel('Text to learn').fill('hm')
    await page.getByRole('button', { name: 'Train' }).click()
    await page.getByRole('alert').locator('p').waitFor()
    expect(await page.getByRole('alert').textContent()).not.toBe('')
    await page.context().close()
  })
})
