import { readFileSync, statSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromium, goTo, openModel, openSite, type Site, storiesModel } from './site'

/** Of pages that are cross-origin isolated. */
interface Measuring {
  measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }>
}

const golden: string = storiesModel ? JSON.parse(readFileSync(storiesModel.golden, 'utf8')).cases[0].text : ''

/** Slides to a value, as the arrow keys would. */
const slide = (page: Page, label: string, value: number): Promise<void> => page.getByLabel(label).fill(String(value))

/** Writes what the model finds likeliest, from nothing, and gives the text. */
const writeGreedily = async (page: Page, tokens = 200): Promise<string> => {
  await goTo(page, 'Write')
  await page.getByLabel('Start of the text').fill('')
  await slide(page, 'Temperature', 0)
  await slide(page, 'Length', tokens)
  await page.getByRole('button', { name: 'Write', exact: true }).click()
  await page.getByText('reached the length').waitFor({ timeout: 100_000 })
  return (await page.locator('.made').textContent()) ?? ''
}

const chooseDevice = async (page: Page, name: string): Promise<void> => {
  await goTo(page, 'Write')
  await page.getByLabel('Runs on').selectOption(name, { timeout: 60_000 })
}

describe.skipIf(!chromium || !storiesModel)('a model of the user', () => {
  const model = storiesModel as NonNullable<typeof storiesModel>
  let site: Site
  let isolatedSite: Site
  beforeAll(async () => {
    site = await openSite()
    isolatedSite = await openSite({ isolated: true })
  })
  afterAll(async () => {
    await site[Symbol.asyncDispose]()
    await isolatedSite[Symbol.asyncDispose]()
  })

  test.each([
    ['webgl2', false, 60],
    ['webgpu', false, 60],
    ['simd', false, 200],
    ['simd', true, 200],
    ['cpu', false, 200],
  ] as const)('writes the greedy text of stories260K on %s, page isolated: %s', async (device, isolated, tokens) => {
    const page = await (isolated ? isolatedSite : site).open()
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated)
    await openModel(page, model.llama2c)
    await chooseDevice(page, device)
    await page.locator('.model-line strong', { hasText: new RegExp(`^${device}$`) }).waitFor({ timeout: 60_000 })
    const text = await writeGreedily(page, tokens)
    // GPUs are emulated where tests run, and slow: they write the beginning.
    expect(text).toBe(tokens === 200 ? golden : golden.slice(0, text.length))
    expect(text.length).toBeGreaterThan(tokens)
    await page.context().close()
  })

  test('stops, and changes the device in the middle of a text', async () => {
    const page = await site.open()
    const isOn = (device: string) =>
      page.locator('.model-line strong', { hasText: new RegExp(`^${device}$`) }).waitFor()
    await openModel(page, model.gguf)
    await goTo(page, 'Write')
    await page.locator('#device option', { hasText: /^cpu$/ }).waitFor({ state: 'attached', timeout: 60_000 })
    // The slowest device that needs no emulation: others end such a text before anybody can stop it.
    await chooseDevice(page, 'cpu')
    await isOn('cpu')
    await slide(page, 'Length', 500)
    await page.getByRole('button', { name: 'Write', exact: true }).click()
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('stopped', { exact: true }).waitFor()
    const stopped = await page.locator('.made').textContent()
    await page.waitForTimeout(300)
    expect(await page.locator('.made').textContent()).toBe(stopped)

    await page.getByRole('button', { name: 'Write', exact: true }).click()
    await page.locator('.made:not(:empty)').waitFor()
    await chooseDevice(page, 'simd')
    await isOn('simd')
    // The text that was being written ended where it was.
    await page.getByText('stopped', { exact: true }).waitFor()
    expect(await writeGreedily(page)).toBe(golden)
    expect(await page.getByRole('alert').textContent()).toBe('')
    await page.context().close()
  })

  test('a model that is replaced leaves no worker behind', async () => {
    const page = await site.open()
    await openModel(page, model.gguf)
    await goTo(page, 'Understand')
    await page.locator('.piece').first().waitFor()
    const workers = page.workers().length
    await openModel(page, model.llama2c)
    await openModel(page, model.gguf)
    expect(page.workers()).toHaveLength(workers)
    await page.context().close()
  })

  test('models that follow one another take the memory of one', async () => {
    // With this flag the browser collects garbage before it counts, and answers at once.
    const flags = ['--enable-blink-features=ForceEagerMeasureMemory']
    await using measured = await openSite({ isolated: true, flags })
    const page = await measured.open()
    // Threads that sleep cannot be counted, and `cpu` has none.
    await chooseDevice(page, 'cpu')
    const both = [model.llama2c, model.gguf]
    const bytesOf = async (files: string | string[]) => {
      await openModel(page, files)
      return page.evaluate(
        async () => (await (performance as unknown as Measuring).measureUserAgentSpecificMemory()).bytes,
      )
    }
    // What the views and the code of both formats take is there after the first two.
    for (const files of both) await openModel(page, files)
    const before = await bytesOf(model.gguf)
    for (const files of [...both, ...both]) await openModel(page, files)
    const after = await bytesOf(model.gguf)
    expect(before).toBeGreaterThan(statSync(model.gguf).size)
    // Five models later: less than one of them, by the size of its file.
    expect(after - before).toBeLessThan(statSync(model.gguf).size)
    await page.context().close()
  })

  test('a malformed file is refused in words, and the page stays usable', async () => {
    const page = await site.open()
    await openModel(page, model.gguf)
    const bytes = readFileSync(model.gguf)
    await page.setInputFiles('input[type=file]', {
      name: 'cut.gguf',
      mimeType: 'application/octet-stream',
      buffer: bytes.subarray(0, 5000),
    })
    await page.getByRole('alert').getByText('cut.gguf').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await openModel(page, model.llama2c)
    expect(await writeGreedily(page)).toBe(golden)
    await page.context().close()
  })
})
