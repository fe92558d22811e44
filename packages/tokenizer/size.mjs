// Prints what the package adds to a page that bundles it, minified and gzipped: `pnpm --filter @cria/tokenizer size`.
// Fails where reading a tokenizer file of any kind, encoding and decoding takes more than the limit.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const limit = 24_000
const trainer = './train/train-vocabulary'

async function size(contents, external = []) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external,
    write: false,
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

const tokenizing = await size("export { loadTokenizer } from './src/index'")
const atOnce = await size("export * from './src/index'", [trainer])
const whole = await size("export * from './src/index'")
console.log('@cria/tokenizer, minified and gzipped')
console.log(`  loadTokenizer: read a file, encode, decode   ${tokenizing} bytes (limit ${limit})`)
console.log(`  all of it but the trainer                    ${atOnce} bytes`)
console.log(`  the trainer, loaded when it is first called  ${whole - atOnce} bytes`)
if (tokenizing > limit) process.exitCode = 1
