import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faults } from './axe'
import { chromium, goTo, openModel, openSite, type Site, storiesModel } from './site'

const views = [
  ['Write', '#/write'],
  ['Look inside', '#/look'],
  ['Understand', '#/understand'],
  ['Your model', '#/model'],
] as const

const panels = ['tokenizer', 'rotary', 'heads', 'feed-forward', 'norm', 'mixture', 'training'] as const

describe.skipIf(!chromium)('the views', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite()
  })
  afterAll(() => site[Symbol.asyncDispose]())

  test('every view opens by keyboard alone', async () => {
    const page = await site.open()
    for (const [name, hash] of [views[1], views[2], views[3], views[0]]) {
      const link = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name })
      // A view that opens takes the focus, so the links are a few steps back.
      for (let presses = 0; presses < 20; presses++) {
        await page.keyboard.press(page.url().includes('#') ? 'Shift+Tab' : 'Tab')
        if (await link.evaluate(element => element === document.activeElement)) break
      }
      await page.keyboard.press('Enter')
      await page.locator(`main[aria-label="${name}"] h1`).waitFor()
      expect(await page.evaluate(() => location.hash)).toMatch(hash)
    }
    await page.context().close()
  })

  test('a link with prompt and seed opens with them', async () => {
    const page = await site.open('#/write?prompt=A%20llama%20%26%20a%20bird&seed=42')
    expect(await page.getByLabel('Start of the text').inputValue()).toBe('A llama & a bird')
    expect(await page.getByLabel('Seed').inputValue()).toBe('42')
    await page.context().close()
  })

  test('a shared link opens the same view with the same prompt and seed', async () => {
    const page = await site.open('', { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.getByLabel('Start of the text').fill('Lily & the 7 llamas?')
    await page.getByLabel('Seed').fill('42')
    await goTo(page, 'Look inside')
    await page.getByRole('link', { name: 'Layer by layer' }).click()
    await page.getByRole('button', { name: 'Share' }).click()
    await page.getByRole('status').getByText('The link was copied').waitFor()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    await page.context().close()

    const shared = await site.open(new URL(link).hash)
    await shared.locator('main[aria-label="Look inside"]').waitFor()
    await shared.getByRole('link', { name: 'Layer by layer' }).and(shared.locator('[aria-current=page]')).waitFor()
    expect(await shared.getByRole('textbox', { name: 'Text' }).inputValue()).toBe('Lily & the 7 llamas?')
    await goTo(shared, 'Write')
    expect(await shared.getByLabel('Start of the text').inputValue()).toBe('Lily & the 7 llamas?')
    expect(await shared.getByLabel('Seed').inputValue()).toBe('42')
    await shared.context().close()
  })

  test.each(panels)('the part %s draws its picture without an error', async panel => {
    const page = await site.open(`#/understand/${panel}`)
    await page
      .locator(panel === 'tokenizer' ? '.piece' : '.chart svg')
      .first()
      .waitFor()
    expect(await page.getByRole('alert').textContent()).toBe('')
    await page.context().close()
  })

  test.each(['light', 'dark'] as const)('axe finds no serious fault, %s', async colorScheme => {
    const page = await site.open('', { colorScheme })
    for (const [name] of views) {
      await goTo(page, name)
      await page.locator(`main[aria-label="${name}"] h1`).waitFor()
      expect(await faults(page), name).toEqual([])
    }
    for (const panel of panels) {
      await page.goto(`${page.url().split('#')[0]}#/understand/${panel}`)
      await page
        .locator(panel === 'tokenizer' ? '.piece' : '.chart svg')
        .first()
        .waitFor()
      expect(await faults(page), panel).toEqual([])
    }
    await page.context().close()
  })

  test.each(['light', 'dark'] as const)('axe finds no serious fault where a model is open, %s', async colorScheme => {
    const page = await site.open('#/write?prompt=Once', { colorScheme })
    await page.getByLabel('Length').fill('20')
    await page.getByText(/reached the length|ended its text/).waitFor({ timeout: 60_000 })
    await page.locator('details').evaluate((element: HTMLDetailsElement) => {
      element.open = true
    })
    expect(await faults(page), 'Write').toEqual([])
    await goTo(page, 'Your model')
    await page.getByRole('heading', { name: 'is open' }).waitFor()
    expect(await faults(page), 'Your model').toEqual([])
    await page.setInputFiles('input[type=file]', { name: 'a.gguf', mimeType: '', buffer: Buffer.from('GGUF') })
    await page.getByRole('alert').getByText('a.gguf').waitFor()
    expect(await faults(page), 'a file that is refused').toEqual([])
    await goTo(page, 'Look inside')
    for (const part of ['Next token', 'Attention', 'Layer by layer', 'Time']) {
      await page.getByRole('link', { name: part }).click()
      await page.locator('.chart svg').first().waitFor({ timeout: 60_000 })
      expect(await faults(page), part).toEqual([])
    }
    await page.context().close()
  })

  test('nothing is wider than a small phone', async () => {
    const page = await site.open('', { viewport: { width: 360, height: 740 } })
    if (storiesModel) await openModel(page, storiesModel.gguf)
    for (const hash of [...views.map(([, hash]) => hash), ...panels.map(panel => `#/understand/${panel}`)]) {
      await page.goto(`${page.url().split('#')[0]}${hash}`)
      await page.locator('main h1').waitFor()
      await page.waitForTimeout(300)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), hash).toBe(360)
    }
    await page.context().close()
  })
})
