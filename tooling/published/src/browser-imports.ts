import { build } from 'esbuild'

/**
 * The Node modules that a page would have to load as soon as it imports `file`: none, for a library that runs in both.
 * Dynamic imports are in separate chunks and do not count.
 */
export async function nodeImportsOnLoad(file: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: { entry: file },
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: 'out',
    format: 'esm',
    platform: 'browser',
    external: ['node:*'],
    logLevel: 'silent',
  })
  const seen = new Set<string>()
  const visit = (output: string): string[] => {
    if (seen.has(output)) return []
    seen.add(output)
    return metafile.outputs[output].imports
      .filter(({ kind }) => kind === 'import-statement')
      .flatMap(({ path, external }) => (external ? [path] : visit(path)))
  }
  return visit('out/entry.js')
}
