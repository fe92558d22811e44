import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, crossOriginIsolation, launchChromium, serve } from '@cria/browser'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Examples, exampleNames, readManifest } from './examples'
import { publishedPackages, root, run } from './project'
import { typeErrors } from './types'
import { userProject } from './user-project'

const examples = new Examples(userProject)

/** What a model wrote: the prompt, and at least ten words after it. */
const storyOf = (prompt: string) => new RegExp(`^${prompt}(\\S*\\s+){10}`)

/** A port that nobody listens on. */
const freePort = async (): Promise<number> => {
  const server = await serve({})
  server.close()
  return Number(new URL(server.origin).port)
}

test('the README names each example, with commands that it has', () => {
  const readme = readFileSync(join(root, 'examples/README.md'), 'utf8')
  const rows = [...readme.matchAll(/^\| \[([\w-]+)\]\(\1\) \|.*\| (.*) \|$/gm)]
  expect(rows.map(([, name]) => name).sort()).toEqual([...exampleNames].sort())
  for (const [, name, commands] of rows) {
    const { scripts } = readManifest(name)
    expect(scripts).toHaveProperty('start')
    for (const [, script = 'start'] of commands.matchAll(/`npm (?:start|run (\w+))/g))
      expect(scripts).toHaveProperty(script)
  }
})

test.each(exampleNames)('%s declares the packages that it imports, and no other of ours', name => {
  const imports = examples
    .modules(name)
    .flatMap(file => [...readFileSync(file, 'utf8').matchAll(/from '((?:@cria\/)?[\w-]+)(?:\/[\w/-]+)?'/g)])
    .map(([, imported]) => imported)
  const isOurs = (name: string) => publishedPackages.some(published => published.name === name)
  const declared = Object.keys(readManifest(name).dependencies).filter(isOurs)
  expect(declared.sort()).toEqual([...new Set(imports.filter(isOurs))].sort())
})

test('the examples have right types', () => {
  const files = exampleNames.flatMap(name => examples.modules(name))
  expect(typeErrors(files, userProject.folder, ['node'])).toEqual([])
})

test('node-script', async () => {
  expect(await examples.npm('node-script', 'start', 'The cat')).toMatch(storyOf('The cat'))
})

for (const runtime of ['bun', 'deno'])
  test.skipIf(spawnSync(runtime, ['--version']).error)(runtime, async () => {
    expect(await examples.npm(runtime, 'start', 'The cat')).toMatch(storyOf('The cat'))
  })

test('worker: the server answers while the model writes', async () => {
  await using server = await examples.serve('worker', 'start', await freePort())
  const story = await fetch(`${server.origin}/story?prompt=The%20cat`)
  const reader = (story.body as ReadableStream<Uint8Array>).getReader()
  let text = new TextDecoder().decode((await reader.read()).value)
  expect(await (await fetch(server.origin)).text()).toBe('ready\n')
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += new TextDecoder().decode(part.value)
  expect(`The cat${text}`).toMatch(storyOf('The cat'))
})

test('custom-op agrees with its reference on each device', async () => {
  const lines = (await examples.npm('custom-op', 'start')).trim().split('\n')
  expect(lines.map(line => line.split(':')[0])).toContain('cpu')
  for (const line of lines) {
    const errors = /^\w+: error (\S+), of the gradient (\S+)$/.exec(line)?.slice(1).map(Number)
    expect(Math.max(...(errors ?? [Infinity])), line).toBeLessThan(1e-3)
  }
})

test('custom-architecture and train-from-text learn their texts', async () => {
  expect(await examples.npm('custom-architecture', 'start')).toContain(
    '\nMary had a little lamb,\nIts fleece was white as snow,\n',
  )
  expect(await examples.npm('train-from-text', 'start')).toContain(
    '\nThis is the rat,\nThat ate the malt\nThat lay in the house that Jack built.\n',
  )
})

describe.skipIf(!chromium)('in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  /** What a page that has a form writes after a prompt. */
  const storyOnPage = async (url: string) => {
    const page = await browser.newPage()
    page.on('pageerror', error => console.error(url, error))
    await page.goto(url)
    await page.getByLabel('Beginning').fill('The cat')
    await page.getByRole('button').click()
    await page.locator('output', { hasText: storyOf('The cat') }).waitFor()
    return page
  }

  test('vite-page, by the development server and built', async () => {
    const port = await freePort()
    await using development = await examples.serve('vite-page', 'start', port, '--port', String(port))
    const page = await storyOnPage(development.origin)
    expect(await page.locator('p').textContent()).toBe('Ready on simd.')
    await examples.npm('vite-page', 'run', 'build')
    const folders = { '/': join(examples.folder('vite-page'), 'dist') }
    const server = await serve({ folders, headers: crossOriginIsolation })
    await storyOnPage(server.origin)
    server.close()
  })

  test('esbuild-bundle', async () => {
    await examples.npm('esbuild-bundle', 'run', 'build')
    const server = await serve({ folders: { '/': examples.folder('esbuild-bundle') } })
    const page = await browser.newPage()
    await page.goto(server.origin)
    await page.locator('output[data-done]', { hasText: storyOf('Once upon a time') }).waitFor()
    server.close()
  })

  test('next: the route streams a story, and the component shows it', async () => {
    const folder = examples.folder('next')
    const bundle = async (name: string, code: string, external: string[]) => {
      const entry = userProject.write(`examples/next/${name}.tsx`, code)
      const outfile = join(folder, `${name}.mjs`)
      const options = { bundle: true, format: 'esm', jsx: 'automatic', external } as const
      await build({ entryPoints: [entry], outfile, ...options })
      return outfile
    }
    const answers = await bundle('answers', routeAnswers, ['cria'])
    const [story, refused] = JSON.parse(await run(process.execPath, [answers], folder))
    expect(refused).toEqual({ status: 400, text: expect.stringContaining('prompt must be a text') })
    expect(`The cat${story.text}`).toMatch(storyOf('The cat'))

    const page = await bundle('page', pageEntry, [])
    const html = '<!doctype html><body><script type="module" src="/page.js"></script>'
    const files = { '/': Buffer.from(html), '/page.js': page, '/api/story': Buffer.from(story.text) }
    const server = await serve({ files })
    await storyOnPage(server.origin)
    server.close()
  })
})

/** Calls the route as Next.js does, and prints what it answers. */
const routeAnswers = `
import { POST } from './app/api/story/route'
const answer = async body => {
  const response = await POST(new Request('http://localhost/api/story', { method: 'POST', body }))
  return { status: response.status, text: await response.text() }
}
const answers = [await answer(JSON.stringify({ prompt: 'The cat' })), await answer('{}')]
process.stdout.write(JSON.stringify(answers), () => process.exit())
`

const pageEntry = `
import { createRoot } from 'react-dom/client'
import Page from './app/page'
createRoot(document.body).render(<Page />)
`
