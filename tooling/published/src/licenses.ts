import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The third-party packages whose code is in the files of `dist`, sorted, found by the source maps. */
export function bundledPackages(dist: string): string[] {
  const maps = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.map'))
  const sources = maps.flatMap(map => JSON.parse(readFileSync(join(dist, map), 'utf8')).sources as string[])
  const names = sources.flatMap(source => source.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? [])
  return [...new Set(names)].sort()
}

/**
 * The packages whose license `dist` carries, sorted.
 *
 * @throws Error for a notice that does not look like a license
 */
export function noticedPackages(dist: string): string[] {
  const file = join(dist, 'THIRD-PARTY-LICENSES.txt')
  if (!existsSync(file)) return []
  const [, ...notices] = readFileSync(file, 'utf8').split(/^-{80}$/m)
  const names = notices.map(notice => {
    const name = /^(\S+) \d+\.\d+\.\d+\S* \(\S+\)$/m.exec(notice)?.[1]
    if (
      !name ||
      !/Copyright/.test(notice) ||
      !/Permission is hereby granted|Licensed under|Redistribution/.test(notice)
    )
      throw new Error(`this is not a license of a package:${notice.slice(0, 200)}`)
    return name
  })
  return names.sort()
}
