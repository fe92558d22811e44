// Writes token shards of two widths, and rows as Parquet, for readers.py.
//   turbo run build --filter=@cria/data-mixture && node tooling/referee/data-mixture/write.mjs FOLDER
import { join } from 'node:path'
import { createMixture } from '../../../packages/data-mixture/dist/index.js'
import { exportRows, openTokens, tokenize } from '../../../packages/data-mixture/dist/node.js'
import {
  byteTokenizer,
  documents,
  mixtureSeed,
  rows,
  rowsPerFile,
  rowTokens,
} from '../../../packages/data-mixture/test/referee-documents.mjs'

const folder = process.argv[2]
const sources = []
for (const [name, share] of [
  ['tales', 0.75],
  ['facts', 0.25],
]) {
  await tokenize({ name, documents: documents(name) }, byteTokenizer(), join(folder, name))
  sources.push({ name, share, tokens: (await openTokens(join(folder, name))).training })
}
await tokenize({ name: 'wide', documents: documents('wide') }, byteTokenizer(70_000), join(folder, 'wide'))
const mixture = createMixture(sources, { rowTokens, seed: mixtureSeed })
await exportRows(mixture, join(folder, 'rows'), { count: rows, rowsPerFile })
await mixture.close()
