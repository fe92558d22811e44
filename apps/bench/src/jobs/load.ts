import { execFile } from 'node:child_process'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readWeights } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import { openLlama } from '@cria/llama'
import type { Job } from '../job'

/** What reads the file: plain reads, Cria, or Python's safetensors. */
export type Reader = 'plain' | 'cria' | 'python'

export interface LoadOptions {
  readonly reader: Reader
  /** A GGUF file, or a folder with one safetensors file. */
  readonly path: string
}

/** As large as a large tensor. */
const PIECE = 64 * 2 ** 20

const fileOf = async (path: string): Promise<string> => {
  if ((await stat(path)).isFile()) return path
  const name = (await readdir(path)).find(name => name.endsWith('.safetensors'))
  if (!name) throw new Error(`${path} holds no safetensors file`)
  return join(path, name)
}

/** The whole file in order, into new memory, as Cria's tensors are. */
const readPlainly = async (path: string): Promise<void> => {
  const file = await open(await fileOf(path))
  try {
    while ((await file.read(new Uint8Array(PIECE), 0, PIECE)).bytesRead > 0);
  } finally {
    await file.close()
  }
}

/** Every tensor as it is stored. None is kept. */
const readWithCria = async (path: string): Promise<void> => {
  const checkpoint = await openPath(path)
  try {
    for await (const _weight of readWeights(await openLlama(checkpoint)));
  } finally {
    await checkpoint.close()
  }
}

const python = `
import sys, time
from safetensors import safe_open
start = time.perf_counter()
with safe_open(sys.argv[1], framework='numpy') as file:
    for name in file.keys():
        file.get_tensor(name)
print(time.perf_counter() - start)
`

/** The same in Python, which reports its own time, without that of its start. */
const readWithPython = async (path: string): Promise<number> => {
  const { stdout } = await promisify(execFile)('python3', ['-c', python, await fileOf(path)])
  return Number(stdout)
}

const timed = async (read: () => Promise<void>): Promise<number> => {
  const start = performance.now()
  await read()
  return (performance.now() - start) / 1000
}

const descriptions = {
  plain: 'read() of 64 MiB after 64 MiB, each into new memory',
  cria: 'every tensor as stored, in memory of its own',
  python: 'safe_open and get_tensor of every tensor, as numpy arrays',
}

/** Reads a model from the page cache: the first run, which is not counted, puts it there. */
export const prepare = async ({ reader, path }: LoadOptions): Promise<Job> => {
  const read = {
    plain: () => timed(() => readPlainly(path)),
    cria: () => timed(() => readWithCria(path)),
    python: () => readWithPython(path),
  }[reader]
  return { description: descriptions[reader], run: async () => ({ seconds: await read() }), close: async () => {} }
}
