// What `npm start` and `npm test` do first: a checked Node, installed dependencies, built packages.
// Plain Node, because nothing is installed yet when this runs. Standard output is only for the output of the
// command itself, so the steps print to standard error.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const stamp = join(root, 'node_modules', '.cria-setup')

/** Ends the process with one line if this Node is older than the one in `engines`. */
export function requireNode() {
  const wanted = manifest.engines.node.replace('>=', '')
  const [major, minor] = wanted.split('.').map(Number)
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number)
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return
  console.error(`Cria needs Node ${wanted} or newer, and this is Node ${process.versions.node}: install a newer Node.`)
  process.exit(1)
}

/** Installs the packages of the lockfile, unless this was done since a manifest or the lockfile changed. */
export function install() {
  const wanted = dependencyHash()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  const status = pnpm('install', '--frozen-lockfile')
  if (status !== 0) process.exit(status)
  writeFileSync(stamp, wanted)
}

/** Runs the pnpm version of the root's manifest, so no pnpm has to be installed. Returns the exit code. */
export const pnpm = (...args) =>
  step('npx', ['-y', manifest.packageManager, ...args, '--config.confirmModulesPurge=false'])

/** Builds with turbo, which does again only what has changed. Returns the exit code. */
export const build = (...options) => turbo('build', ...options)

export const turbo = (task, ...options) => step('turbo', ['run', task, '--output-logs=errors-only', ...options])

/** Runs a command of the workspace in the root, its output on standard error. Returns the exit code. */
export function step(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32', // npx and the tools of node_modules/.bin are .cmd files there
    ...options,
  })
  if (error) console.error(`${command}: ${error.message}`)
  return status ?? (signal ? 128 + constants.signals[signal] : 1)
}

/** Flags of the npm or npx that started this process. Child processes must not get them. */
const outer = /^npm_config_(loglevel|package|call|yes|silent)$/i

/** The environment of child processes: the tools of the workspace are first on the path (turbo looks for pnpm there), and npm's flags are removed. */
export function environment(env = process.env) {
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !outer.test(name)))
  const path = [join(root, 'node_modules', '.bin'), env.PATH].join(delimiter)
  return { ...kept, PATH: path, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
}

/** A hash that changes with the lockfile or a manifest. It depends on the content, because git changes file times. */
function dependencyHash() {
  const folders = ['packages', 'apps', 'tooling'].flatMap(area =>
    readdirSync(join(root, area)).map(folder => join(area, folder)),
  )
  const files = [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...['', ...folders].map(folder => join(folder, 'package.json')),
  ]
  const hash = createHash('sha256')
  for (const file of files.sort()) {
    const path = join(root, file)
    if (existsSync(path)) hash.update(`${file}\n`).update(readFileSync(path))
  }
  return hash.digest('hex')
}
