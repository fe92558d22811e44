import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PeerError } from './errors'
import { peersFolder } from './folders'

/** What Cria is compared with, and the package of `peers/` that it is. */
export const peers = { 'llama.cpp': 'node-llama-cpp', wllama: '@wllama/wllama' } as const

export type Peer = keyof typeof peers

export const peerNames = Object.keys(peers) as Peer[]

/** The folder of an installed package of `peers/`. */
export const packageFolder = (name: string): string => join(peersFolder, 'node_modules', name)

/** @throws PeerError unless the peer is installed */
export const requirePeer = (peer: Peer): void => {
  if (!existsSync(packageFolder(peers[peer])))
    throw new PeerError(`${peer} is not installed: run \`pnpm bench peers\` first`)
}

/** The version of an installed package. */
export const versionOf = async (name: string): Promise<string> =>
  JSON.parse(await readFile(join(packageFolder(name), 'package.json'), 'utf8')).version

/**
 * Installs the peers into their own folder, at the versions that its package.json pins. Only what is named there: their
 * optional packages (other systems, CUDA) stay away, and nothing of theirs runs.
 * @throws PeerError
 */
export const installPeers = async (): Promise<void> => {
  const flags = ['--omit=optional', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
  const child = spawn('npm', ['install', ...flags], { cwd: peersFolder, stdio: ['ignore', 2, 2] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new PeerError(`npm could not install the peers in ${peersFolder} (code ${code})`)
}
