import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// What results/README.md says is in the JSON files beside it, with the commands that made them.

const folder = new URL('../results/', import.meta.url)
const readme = readFileSync(new URL('README.md', folder), 'utf8')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.json'))
const linked = [...new Set([...readme.matchAll(/\]\(([^)]+\.json)\)/g)].map(([, file]) => file))]

test('each result is in the README, and each of its links is a result', () => {
  expect([...linked].sort()).toEqual([...files].sort())
  for (const file of linked) expect(existsSync(new URL(file, folder)), file).toBe(true)
})

const machines = [...new Set(linked.map(file => file.split('/')[0]))]

test.each(machines)('the tables of the README are those that the script prints: %s', machine => {
  const script = fileURLToPath(new URL('table.mjs', folder))
  const paths = linked.filter(file => file.startsWith(`${machine}/`)).map(file => fileURLToPath(new URL(file, folder)))
  const rows = execFileSync(process.execPath, [script, ...paths], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes('.json)'))
  expect(rows.length).toBeGreaterThan(0)
  expect(readme.split('\n').filter(line => line.startsWith('| [') && line.includes(`](${machine}/`))).toEqual(rows)
})

test('each result names its command, its date and its machine', () => {
  for (const file of files) {
    const { command, date, machine } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
    expect(command).toMatch(/^pnpm bench \w+ /)
    expect(Date.parse(date)).toBeGreaterThan(Date.parse('2026-01-01'))
    expect(machine).toMatchObject({ processor: expect.any(String), cores: expect.any(Number) })
  }
})
