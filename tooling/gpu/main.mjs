// `node tooling/gpu/main.mjs [options of bench gpu]`: set-up, build, and `bench gpu`, all numbers into gpu.json unless another
// file is named.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, install, requireNode, root } from '../scripts/setup.mjs'

requireNode()
install()
const status = build('--filter=@cria/bench')
if (status !== 0) process.exit(status)

const main = join(root, 'apps', 'bench', 'dist', 'main.js')
process.argv.splice(1, 1, main, 'gpu')
if (!process.argv.includes('--json')) process.argv.push('--json', 'gpu.json')
await import(pathToFileURL(main).href)
