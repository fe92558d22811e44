// Draws a share of a package's lines, in runs of ten, for a mutation test that need not take all night. In the package's folder:
// `node ../../tooling/mutation/sample.mjs 0.1 7` prints a tenth of the lines, drawn with the seed 7, as Stryker's `-m` takes them.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

const run = 10
const [share, seed] = process.argv.slice(2)

/** Uniform in [0, 1), the same on every machine. */
const drawn = text => createHash('sha256').update(text).digest().readUInt32LE() / 2 ** 32

const files = readdirSync('src', { recursive: true })
  .map(file => `src/${file.replaceAll('\\', '/')}`)
  .filter(file => file.endsWith('.ts') && !/\.test\.ts$|\/index\.ts$/.test(file))
  .sort()
const runs = files.flatMap(file => {
  const starts = Array.from(
    { length: Math.ceil(readFileSync(file, 'utf8').split('\n').length / run) },
    (_, index) => index * run + 1,
  )
  return starts
    .filter(start => drawn(`${seed} ${file} ${start}`) < Number(share))
    .map(start => `${file}:${start}-${start + run - 1}`)
})
console.log(runs.join(','))
