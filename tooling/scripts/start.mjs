// `npm start -- ARGS`: set-up, build, and `cria generate ARGS`.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, install, requireNode, root } from './setup.mjs'

requireNode()
install()
const status = build('--filter=@cria/cli')
if (status !== 0) process.exit(status)

// The command runs in this process, with its streams, signals and exit code.
const main = join(root, 'apps', 'cli', 'dist', 'main.js')
process.argv.splice(1, 1, main, 'generate')
await import(pathToFileURL(main).href)
