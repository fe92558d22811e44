import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Runs a program to its end and returns its output. If the program fails, the error has the output. */
export async function run(
  program: string,
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const ended = promisify(execFile)(program, args, { cwd: folder, env })
  const { stdout } = await ended.catch(({ message, stdout, stderr }) => {
    throw new Error([message, stdout, stderr].join('\n'))
  })
  return stdout
}

const pnpm = join(root, 'node_modules/.bin/pnpm')

export interface PublishedPackage {
  name: string
  /** Absolute path in the workspace. */
  folder: string
  /** What it offers from its main entry; an app offers a command alone. */
  isLibrary: boolean
  /** What follows its name in imports: nothing, or `/node`. */
  entries: string[]
}

/** The packages and apps of the workspace that are not private. */
export const publishedPackages: PublishedPackage[] = ['packages', 'apps']
  .flatMap(area => readdirSync(join(root, area)).map(folder => join(root, area, folder)))
  .filter(folder => existsSync(join(folder, 'package.json')))
  .map(folder => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
  .filter(({ manifest }) => !manifest.private)
  .map(({ folder, manifest: { name, exports = {} } }) => ({
    ...{ name, folder, isLibrary: '.' in exports },
    entries: Object.keys(exports).map(entry => entry.slice(1)),
  }))

/** A project outside of the workspace with every package installed from its tarball, as a user's npm does it. */
export class UserProject {
  /** @param tarballs paths by the names of the packages */
  constructor(
    readonly folder: string,
    readonly tarballs: ReadonlyMap<string, string>,
  ) {}

  static async create(): Promise<UserProject> {
    const folder = mkdtempSync(join(tmpdir(), 'cria-published-'))
    const tarballs = new Map<string, string>()
    for (const { name, folder: home } of publishedPackages) {
      if (!existsSync(join(home, 'dist'))) throw new Error(`${name} is not built: run \`pnpm build\` first`)
      const packed = await run(pnpm, ['pack', '--json', '--pack-destination', folder], home)
      tarballs.set(name, JSON.parse(packed).filename)
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    const quick = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    await run('npm', ['install', ...quick, ...tarballs.values()], folder)
    return new UserProject(folder, tarballs)
  }

  tarball(name: string): string {
    const path = this.tarballs.get(name)
    if (!path) throw new Error(`${name} is not published`)
    return path
  }

  /** Writes a file of the project, with the folders above it. Returns its absolute path. */
  write(path: string, text: string): string {
    const file = join(this.folder, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
