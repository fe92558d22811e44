import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A TypeScript file; its path is relative to the root, with slashes. */
export interface Source {
  path: string
  text: string
}

export interface Manifest {
  name: string
  private?: boolean
  repository?: { url: string; directory?: string }
  homepage?: string
  bugs?: string
  keywords?: readonly string[]
  engines?: Record<string, string>
  publishConfig?: { access?: string; provenance?: boolean }
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

export interface Workspace {
  /** Which packages each package may import: the arrows of ARCHITECTURE.md, by folder. */
  rooms: Record<string, readonly string[]>
  /** By folder (`packages/tensor`); the root's is `''`. */
  manifests: Record<string, Manifest>
  /** The source files of packages and apps, including tests. */
  sources: readonly Source[]
}

/** Reads the workspace in the folder `root`. */
export function readWorkspace(root: string): Workspace {
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  const homes = ['packages', 'apps'].flatMap(area =>
    readdirSync(join(root, area))
      .map(folder => `${area}/${folder}`)
      .filter(home => existsSync(join(root, home, 'package.json'))),
  )
  const sources = homes
    .flatMap(home => ['src', 'test', 'examples', 'assembly'].map(folder => `${home}/${folder}`))
    .filter(folder => existsSync(join(root, folder)))
    .flatMap(folder =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter(file => /\.tsx?$/.test(file))
        .map(file => `${folder}/${file.replaceAll('\\', '/')}`),
    )
  return {
    rooms: JSON.parse(read('tooling/laws/rooms.json')),
    manifests: Object.fromEntries(['', ...homes].map(home => [home, JSON.parse(read(join(home, 'package.json')))])),
    sources: sources.map(path => ({ path, text: read(path) })),
  }
}
