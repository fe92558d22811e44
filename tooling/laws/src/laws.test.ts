import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importViolations, roomOf } from './imports'
import { readWorkspace } from './workspace'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { rooms, manifests, sources } = readWorkspace(root)

test('every package is in rooms.json', () => {
  const folders = Object.keys(manifests).filter(home => home.startsWith('packages/'))
  expect(Object.keys(rooms).sort()).toEqual(folders.map(home => home.slice('packages/'.length)).sort())
})

test('packages import only packages below them', () => {
  const order = Object.keys(rooms)
  for (const [index, room] of order.entries())
    for (const below of rooms[room]) expect(order.indexOf(below), `${room} → ${below}`).toBeGreaterThan(index)
})

test('imports keep the laws', () => {
  expect(importViolations({ rooms, manifests, sources })).toEqual([])
})

test('manifests list only packages that their sources may import', () => {
  for (const [room, below] of Object.entries(rooms)) {
    const { dependencies } = manifests[`packages/${room}`]
    const needed = Object.keys(dependencies ?? {}).flatMap(name => roomOf(name) ?? [])
    expect(below, room).toEqual(expect.arrayContaining(needed))
  }
})

test('apps are tested against the built packages, in the shape that users install', () => {
  const configs = Object.keys(manifests)
    .filter(home => home.startsWith('apps/'))
    .map(home => join(root, home, 'vitest.config.ts'))
    .filter(config => existsSync(config))
  for (const config of configs) expect(readFileSync(config, 'utf8'), config).toMatch(/export default app\(/)
})

test('published packages say where they come from, and are published with provenance', () => {
  const workspace = manifests['']
  for (const [home, manifest] of Object.entries(manifests).filter(([, manifest]) => !manifest.private))
    expect(manifest, home).toMatchObject({
      repository: { ...workspace.repository, directory: home },
      homepage: workspace.homepage?.replace('#readme', `/tree/main/${home}#readme`),
      bugs: workspace.bugs,
      keywords: expect.arrayContaining(['llm', 'typescript']),
      engines: workspace.engines,
      publishConfig: { access: 'public', provenance: true },
    })
})

test('a file has at most 500 lines', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > 501)
  expect(long.map(({ path }) => path)).toEqual([])
})
