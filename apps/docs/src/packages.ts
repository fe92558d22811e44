import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The clone's root. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Where the repository is read. */
export const repository = 'https://github.com/cria-js/cria'

/** What a program imports: `cria`, `cria/worker`. */
export interface Entry {
  readonly name: string
  /** Absolute path of its source. */
  readonly source: string
}

export interface Library {
  readonly name: string
  /** Its folder under `packages/`. */
  readonly folder: string
  readonly description: string
  readonly entries: readonly Entry[]
}

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly description: string
  readonly exports: Readonly<Record<string, { readonly '@cria/source': string }>>
}

/** The published libraries, by name. */
export const libraries: readonly Library[] = readdirSync(join(root, 'packages'))
  .map(folder => ({ folder, file: join(root, 'packages', folder, 'package.json') }))
  .filter(({ file }) => existsSync(file))
  .map(({ folder, file }) => ({ folder, manifest: JSON.parse(readFileSync(file, 'utf8')) as Manifest }))
  .filter(({ manifest }) => !manifest.private)
  .map(({ folder, manifest: { name, description, exports } }) => ({
    ...{ name, folder, description },
    entries: Object.entries(exports).map(([path, { '@cria/source': source }]) => ({
      name: `${name}${path.slice(1)}`,
      source: join(root, 'packages', folder, source),
    })),
  }))
  .sort((a, b) => a.name.replace('@cria/', '').localeCompare(b.name.replace('@cria/', '')))

/** The page of an import's API, from the site's root. */
export const apiPage = (entry: string): string => `/api/${entry}`
