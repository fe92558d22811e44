import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Server, serve } from '../src/index'

let folder: string
let server: Server
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-serve-'))
  mkdirSync(join(folder, 'site'))
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  writeFileSync(join(folder, 'site/index.html'), '<title>index</title>')
  writeFileSync(join(folder, 'site/ten.bin'), '0123456789')
  server = await serve({
    files: { '/': Buffer.from('<title>page</title>'), '/copy.json': join(folder, 'site/ten.bin'), '/gone': '/nowhere' },
    folders: { '/site': join(folder, 'site') },
    headers: { 'X-Test': 'yes' },
  })
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(server.origin + path, { headers })
  expect(response.headers.get('X-Test')).toBe('yes')
  return { status: response.status, type: response.headers.get('Content-Type'), text: await response.text() }
}

test('files are bytes or paths', async () => {
  expect(await get('/')).toEqual({ status: 200, type: 'text/html', text: '<title>page</title>' })
  expect(await get('/copy.json')).toEqual({ status: 200, type: 'application/json', text: '0123456789' })
})

test('folders have their index and ranges', async () => {
  expect((await get('/site/')).text).toBe('<title>index</title>')
  expect((await get('/site/ten.bin')).text).toBe('0123456789')
  expect(await get('/site/ten.bin', { Range: 'bytes=2-4' })).toMatchObject({ status: 206, text: '234' })
})

test.each(['/absent', '/gone', '/site/absent', '/toString', '/site/..%2fsecret.txt'])('%s is not found', async path => {
  expect((await get(path)).status).toBe(404)
})
