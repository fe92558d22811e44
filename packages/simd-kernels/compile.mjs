// Compiles assembly/ to WebAssembly, twice: in the SIMD that every engine has, and with relaxed SIMD. The modules are written as
// base64 into generated/, so that the package needs no file beside its JavaScript, in Node, in bundlers and in browsers alike.

import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main as asc } from 'assemblyscript/asc'

const root = fileURLToPath(new URL('.', import.meta.url))
const builds = { plain: [], relaxed: ['--enable', 'relaxed-simd'] }
const output = name => join(root, 'generated', `${name}.ts`)

const flags = [
  ...['--enable', 'simd', '--enable', 'threads'],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['-O3', '--converge', '--noAssert', '--runtime', 'stub'],
]

/** Compiles both builds, unless they are newer than their sources. @throws Error with the compiler's message */
export async function compile() {
  if (isFresh()) return
  mkdirSync(join(root, 'generated'), { recursive: true })
  for (const [name, features] of Object.entries(builds)) {
    let binary
    const { error, stderr } = await asc(
      ['assembly/index.ts', '--baseDir', root, '--outFile', 'kernels.wasm', '--disableWarning', ...flags, ...features],
      {
        writeFile(_, contents) {
          binary = contents
        },
      },
    )
    if (error) throw new Error(`the ${name} build: ${error.message}\n${stderr}`)
    writeFileSync(output(name), `export default '${Buffer.from(binary).toString('base64')}'\n`)
  }
}

function isFresh() {
  const modified = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = readdirSync(join(root, 'assembly')).map(name => join(root, 'assembly', name))
  const newest = Math.max(...[fileURLToPath(import.meta.url), ...sources].map(modified))
  return Object.keys(builds).every(name => modified(output(name)) > newest)
}
