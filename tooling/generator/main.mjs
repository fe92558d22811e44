// `pnpm new-package NAME [DESCRIPTION]`: makes a package that builds and passes all checks.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pnpm, root, step } from '../scripts/setup.mjs'

const [name = '', description = `The ${name} of Cria`, ...rest] = process.argv.slice(2)
const home = join('packages', name)

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || rest.length > 0) {
  console.error(
    'usage: pnpm new-package NAME [DESCRIPTION], where NAME is that of the folder: lower case, words joined by -',
  )
  process.exit(2)
}
if (existsSync(join(root, home))) {
  console.error(`${home} exists: choose another name, or remove it first`)
  process.exit(1)
}

const write = (path, text) => {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const template = fileURLToPath(new URL('./template', import.meta.url))
for (const entry of readdirSync(template, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const file = join(entry.parentPath, entry.name)
  const text = readFileSync(file, 'utf8').replaceAll('NAME', name).replaceAll('DESCRIPTION', description)
  write(join(home, file.slice(template.length)), text)
}

// In the order of packages it is the lowest, until its line lists what it may import.
const rooms = 'tooling/laws/rooms.json'
write(rooms, JSON.stringify({ ...JSON.parse(readFileSync(join(root, rooms), 'utf8')), [name]: [] }))
write(`.changeset/${name}.md`, `---\n'@cria/${name}': minor\n---\n\nAdd @cria/${name}: ${description}.\n`)

const status = pnpm('install', '--no-frozen-lockfile') || step('biome', ['check', '--write', home, rooms])
if (status === 0) console.log(`${home} is ready: npx vitest run --project @cria/${name}`)
process.exitCode = status
