import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import ts from 'typescript'
import type { Source, Workspace } from './workspace'

/** The libraries that reach the hardware. `tensor` alone may import them, and it ships `gpu.js` inside itself. */
const hardware = new Set(['gpu.js', 'webgpu', 'gl'])

/** Every import of the workspace that breaks a law, each as a sentence. */
export const importViolations = (workspace: Workspace): string[] =>
  workspace.sources.flatMap(source =>
    importsOf(source).flatMap(specifier => {
      const law = brokenLaw(specifier, source, workspace)
      return law ? [`${source.path} imports ${specifier}: ${law}`] : []
    }),
  )

/** All that a file imports: statically, dynamically, by `require`, and for its types. */
const importsOf = ({ text }: Source) => ts.preProcessFile(text, true, true).importedFiles.map(file => file.fileName)

function brokenLaw(specifier: string, source: Source, { rooms, manifests }: Workspace): string | undefined {
  const home = source.path.split('/', 2).join('/')
  const [area, folder] = home.split('/')
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(source.path), specifier)
    return target.startsWith(`${home}/`) ? undefined : `a path stays within ${home}; import the package by its name`
  }
  if (isBuiltin(specifier) || specifier.startsWith('#')) return undefined // Node's, and the manifest's own `imports`

  const name = packageName(specifier)
  if (hardware.has(name)) return home === 'packages/tensor' ? undefined : 'only packages/tensor may'
  const manifest = manifests[home]
  const isTest = /\.test\.ts$|^(test|examples)\//.test(source.path.slice(home.length + 1))
  const declared = isTest ? { ...manifest.devDependencies, ...manifests[''].devDependencies } : {}
  const { dependencies, optionalDependencies, peerDependencies } = manifest
  if (
    name !== manifest.name &&
    !(name in { ...dependencies, ...optionalDependencies, ...peerDependencies, ...declared })
  )
    return `${home}/package.json does not declare ${name}`

  const room = roomOf(name)
  if (isTest || !room) return undefined
  if (area === 'apps') return `apps/${room}` in manifests ? 'an app imports packages, not apps' : undefined
  return room === folder || rooms[folder]?.includes(room) ? undefined : `packages/${folder} is beside or below ${room}`
}

/** `@scope/name/path` to `@scope/name`, `name/path` to `name`. */
export const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** The folder under `packages/` of a published name; undefined for packages of other people. */
export const roomOf = (name: string): string | undefined =>
  name === 'cria' ? 'cria' : name.startsWith('@cria/') ? name.slice('@cria/'.length) : undefined
