// Compiles assembly/ceilings.ts to WebAssembly, in the SIMD that every engine has and with relaxed SIMD, and writes both as
// base64 into generated/ceilings.ts, which Node and pages load alike.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main as asc } from 'assemblyscript/asc'

const root = fileURLToPath(new URL('.', import.meta.url))
const builds = { plain: [], relaxed: ['--enable', 'relaxed-simd'] }
const flags = ['--enable', 'simd', '--importMemory', '-O3', '--noAssert', '--runtime', 'stub', '--disableWarning']

/** @throws Error with the compiler's words */
export async function compile() {
  const lines = []
  for (const [name, features] of Object.entries(builds)) {
    let binary
    const { error, stderr } = await asc(
      ['assembly/ceilings.ts', '--baseDir', root, '--outFile', 'ceilings.wasm', ...flags, ...features],
      {
        writeFile(_, contents) {
          binary = contents
        },
      },
    )
    if (error) throw new Error(`the ${name} build: ${error.message}\n${stderr}`)
    lines.push(`export const ${name} = '${Buffer.from(binary).toString('base64')}'\n`)
  }
  mkdirSync(fileURLToPath(new URL('generated', import.meta.url)), { recursive: true })
  writeFileSync(fileURLToPath(new URL('generated/ceilings.ts', import.meta.url)), lines.join(''))
}
