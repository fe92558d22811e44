import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'

/** The size of a page's bundle that imports these names, minified and gzipped. */
export interface Size {
  /** Bytes that load with the import. */
  readonly atOnce: number
  /** Bytes of the chunks that load later, when they are needed: devices, for example. */
  readonly later: number
  /** The code of each. */
  readonly code: { readonly atOnce: string; readonly later: string }
}

/**
 * Bundles `code` as for a page, with a chunk for each dynamic import.
 *
 * @param folder where the packages that it imports are installed
 * @param splitting without it everything is one file, with what is imported dynamically by code that is used
 */
export async function sizeOf(code: string, folder: string, splitting = true): Promise<Size> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: folder, sourcefile: 'entry.js' },
    bundle: true,
    splitting,
    minify: true,
    write: false,
    metafile: true,
    outdir: 'out',
    absWorkingDir: folder,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['node:*'],
    logLevel: 'silent',
  })
  const atOnce = loadedAtOnce(metafile, 'out/stdin.js')
  const chunks = outputFiles.map(({ path, contents, text }) => ({
    text,
    bytes: gzipSync(contents).length,
    isAtOnce: atOnce.has(path.slice(path.lastIndexOf('/out/') + 1)),
  }))
  const bytes = (when: boolean) =>
    chunks.filter(chunk => chunk.isAtOnce === when).reduce((sum, chunk) => sum + chunk.bytes, 0)
  const codeOf = (when: boolean) => chunks.flatMap(({ isAtOnce, text }) => (isAtOnce === when ? text : [])).join('\n')
  return { atOnce: bytes(true), later: bytes(false), code: { atOnce: codeOf(true), later: codeOf(false) } }
}

/** The outputs that load with `output`: those that it imports statically, and so on. */
function loadedAtOnce(metafile: Metafile, output: string, seen = new Set<string>()): Set<string> {
  if (seen.has(output)) return seen
  seen.add(output)
  for (const { kind, path, external } of metafile.outputs[output].imports)
    if (kind === 'import-statement' && !external) loadedAtOnce(metafile, path, seen)
  return seen
}

/** A table of plain text: bytes, and the budget where there is one. */
export function sizeTable(rows: readonly { name: string; size: Size; budget: number }[]): string {
  const lines = rows.map(({ name, size, budget }) => [name, size.atOnce, budget, size.later].map(String))
  const table = [['minified and gzipped, in bytes', 'at once', 'budget', 'later'], ...lines]
  const widths = table[0].map((_, column) => Math.max(...table.map(line => line[column].length)))
  return table
    .map(line => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
    .join('\n')
}
