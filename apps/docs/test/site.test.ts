// Looks at the built site: `pnpm site` builds it. It takes longer than a test may, so the workflow `pages` runs both.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from '@cria/browser'
import axe from 'axe-core'
import { type Browser, chromium as playwright } from 'playwright-core'
import sirv from 'sirv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { libraries, root } from '../src/packages'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const isBuilt = existsSync(join(dist, 'llms.txt'))

/** The folder of the host that the site was built for, as in `.vitepress/config.ts`. */
const base = process.env.CRIA_DOCS_BASE ?? '/'

describe.skipIf(!isBuilt)('the built site (pnpm site)', () => {
  test('has a page of the API of every import', () => {
    for (const { name } of libraries.flatMap(library => library.entries)) {
      const html = readFileSync(join(dist, 'api', `${name}.html`), 'utf8')
      expect(html, name).toContain('blob/main/packages/')
    }
  })

  test('links to sources that exist', () => {
    const pages = readdirSync(join(dist, 'api'), { recursive: true, encoding: 'utf8' })
    const links = new Set(
      pages
        .filter(file => file.endsWith('.md'))
        .flatMap(file => readFileSync(join(dist, 'api', file), 'utf8').match(/blob\/main\/[^#)]+/g) ?? []),
    )
    expect(links.size).toBeGreaterThan(100)
    for (const link of links) expect(existsSync(join(root, link.slice('blob/main/'.length))), link).toBe(true)
  })

  test('has every page of llms.txt as Markdown, and the guides in llms-full.txt', () => {
    const files = Array.from(
      readFileSync(join(dist, 'llms.txt'), 'utf8').matchAll(/\]\(\/([^)]+)\)/g),
      ([, file]) => file,
    )
    expect(files.length).toBeGreaterThan(30)
    for (const file of files) expect(existsSync(join(dist, file)), file).toBe(true)
    expect(readFileSync(join(dist, 'llms-full.txt'), 'utf8')).toContain('# Your first model')
  })
})

describe.skipIf(!isBuilt || !chromium)('pages of the built site (pnpm site)', () => {
  let server: Server
  let browser: Browser
  let address: string
  beforeAll(async () => {
    const files = sirv(dist, { extensions: ['html'] })
    server = createServer((request, response) => {
      request.url = request.url?.replace(base, '/')
      files(request, response, () => void response.writeHead(404).end())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base.slice(0, -1)}`
    browser = await playwright.launch({ executablePath: chromium as string, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
  })

  const paths = ['/', '/guides/training', '/papers/rotary', '/papers/mixture', '/benchmarks', '/api/@cria/layers']

  test.each(['light', 'dark'] as const)('axe finds no serious fault, %s', async colorScheme => {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' })
    const page = await context.newPage()
    for (const path of paths) {
      await page.goto(`${address}${path}`)
      await page.locator('.VPContent').waitFor()
      await page.evaluate(axe.source)
      const faults = await page.evaluate(async () => {
        type Found = { violations: { id: string; impact: string; nodes: { html: string }[] }[] }
        const { violations } = await (window as unknown as { axe: { run(): Promise<Found> } }).axe.run()
        return violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
      })
      expect(faults, path).toEqual([])
    }
    await context.close()
  })

  test('a search finds a guide, without the network', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.route(/.*/, route => (route.request().url().startsWith(address) ? route.continue() : route.abort()))
    await page.goto(`${address}/`)
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByRole('searchbox').fill('fine-tune')
    await page.getByRole('option', { name: /LoRA/ }).first().waitFor()
    await context.close()
  })

  test('nothing is wider than a small phone', async () => {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 } })
    const page = await context.newPage()
    for (const path of paths) {
      await page.goto(`${address}${path}`)
      await page.locator('.VPContent').waitFor()
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBe(360)
    }
    await context.close()
  })
})
