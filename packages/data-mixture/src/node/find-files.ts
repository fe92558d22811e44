import { readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve, sep } from 'node:path'
import { DocumentError } from '../errors'

/** Files that one pattern may find. */
const maxFiles = 1_000_000

/**
 * The files of some paths, in which `*` stands for any part of a name and `**` for any folders, also none. Each pattern's files
 * come in the order of their names by code unit, so that the order is the same on every machine. Links to folders are not followed.
 *
 * @param base the folder that relative paths start from
 * @throws DocumentError if a path or pattern finds no file
 */
export const findFiles = async (patterns: readonly string[], base: string): Promise<string[]> => {
  const files: string[] = []
  for (const pattern of patterns) files.push(...(await filesOf(pattern, base)))
  const seen = new Set<string>()
  for (const file of files) {
    if (seen.has(file)) throw new DocumentError(file, 'listed twice: give each file once')
    seen.add(file)
  }
  return files
}

const filesOf = async (pattern: string, base: string): Promise<string[]> => {
  if (!pattern.includes('*')) {
    const file = resolve(base, pattern)
    const isFile = await stat(file).then(
      found => found.isFile(),
      () => undefined,
    )
    if (isFile === undefined) throw new DocumentError(pattern, `there is no such file in ${base}: check the path`)
    if (!isFile)
      throw new DocumentError(pattern, `not a regular file: give files, such as ${join(pattern, '**/*.txt')}`)
    return [file]
  }
  const segments = pattern.split(/[/\\]/)
  const first = segments.findIndex(segment => segment.includes('*'))
  const fixed = segments.slice(0, first).join(sep)
  const start = isAbsolute(pattern) ? resolve(fixed || sep) : resolve(base, fixed)
  const found = new Set<string>()
  await walk(start, segments.slice(first), found)
  if (found.size === 0) throw new DocumentError(pattern, `no file matches in ${base}: check the pattern`)
  return [...found].sort((a, b) => (a < b ? -1 : 1))
}

const walk = async (folder: string, [segment, ...rest]: readonly string[], found: Set<string>): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(error => {
    // Folders on the way of a pattern may be missing.
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw new DocumentError(folder, `it cannot be read (${error.message})`, { cause: error })
  })
  const isAnyFolder = segment === '**'
  if (isAnyFolder && rest.length > 0) await walk(folder, rest, found)
  const name = nameOf(segment)
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (isAnyFolder) await walk(path, [segment, ...rest], found)
      else if (rest.length > 0 && name.test(entry.name)) await walk(path, rest, found)
    } else if (rest.length === 0 && name.test(entry.name) && (await isRegularFile(path, entry))) {
      if (found.size === maxFiles) throw new DocumentError(folder, `over ${maxFiles} files are found: give fewer`)
      found.add(path)
    }
  }
}

/** A file, or a link to one. */
const isRegularFile = async (path: string, entry: { isFile(): boolean; isSymbolicLink(): boolean }): Promise<boolean> =>
  entry.isFile() ||
  (entry.isSymbolicLink() &&
    (await stat(path).then(
      found => found.isFile(),
      () => false,
    )))

const nameOf = (segment: string): RegExp => {
  const parts = segment.split(/\*+/).map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
