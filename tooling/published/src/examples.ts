import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, run, type UserProject } from './project'

const own = fileURLToPath(new URL('../node_modules', import.meta.url))

/** Names of the folders of `examples/`. */
export const exampleNames = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)

/** The package.json of an example. */
export interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export const readManifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'examples', name, 'package.json'), 'utf8'))

/** The examples in a user's project: packages of Cria from their tarballs, other people's tools from the workspace. */
export class Examples {
  readonly #env = { ...process.env, PATH: [join(own, '.bin'), process.env.PATH].join(delimiter) }

  constructor(private readonly project: UserProject) {
    for (const name of exampleNames)
      for (const file of trackedFiles(name)) cpSync(join(root, 'examples', name, file), join(this.folder(name), file))
    // Vite serves files of the workspace that a page is in: here that is the project, where its packages are installed.
    project.write('pnpm-workspace.yaml', '')
    for (const tool of ['react', 'react-dom', '@types/react', 'vite']) this.#link(tool)
  }

  folder(name: string): string {
    return join(this.project.folder, 'examples', name)
  }

  /** Paths of the example's modules. */
  modules(name: string): string[] {
    const files = readdirSync(this.folder(name), { recursive: true, encoding: 'utf8' })
    return files.filter(file => /\.(js|tsx?)$/.test(file)).map(file => join(this.folder(name), file))
  }

  /** Runs `npm ARGS` in the folder of an example, and returns what it printed. */
  npm(name: string, ...args: string[]): Promise<string> {
    return run('npm', ['--silent', ...args], this.folder(name), this.#env)
  }

  /** Starts a script of an example that serves at the port in PORT, and waits until it prints its address. */
  async serve(
    name: string,
    script: string,
    port: number,
    ...args: string[]
  ): Promise<AsyncDisposable & { readonly origin: string }> {
    const child = spawn('npm', ['--silent', 'run', script, '--', ...args], {
      cwd: this.folder(name),
      env: { ...this.#env, PORT: String(port), NO_COLOR: '1' },
      detached: true, // its own group, so that npm's child ends with npm
    })
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    try {
      const [origin] = await printed(child, /http:\/\/(localhost|127\.0\.0\.1):\d+/)
      return { origin, [Symbol.asyncDispose]: () => end(child, ended) }
    } catch (error) {
      await end(child, ended)
      throw error
    }
  }

  #link(name: string): void {
    const place = join(this.project.folder, 'node_modules', name)
    if (existsSync(place)) return
    mkdirSync(join(place, '..'), { recursive: true })
    symlinkSync(realpathSync(join(own, name)), place)
  }
}

/** Files that git tracks or would add, without the output of runs. */
const trackedFiles = (name: string): string[] => {
  const left = /^(node_modules|dist|model|\.next)(\/|$)|^package-lock\.json$/
  const files = readdirSync(join(root, 'examples', name), { recursive: true, withFileTypes: true })
  return files
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(join(root, 'examples', name).length + 1))
    .filter(file => !left.test(file))
}

const end = async ({ pid }: ChildProcess, ended: Promise<void>): Promise<void> => {
  if (pid !== undefined) process.kill(-pid, 'SIGTERM')
  await ended
}

/** The first match in the output of a program. @throws Error with the output if it ends without a match */
const printed = (child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let text = ''
    const add = (chunk: Buffer) => {
      text += chunk
      const match = pattern.exec(text)
      if (match) resolve(match)
    }
    child.stdout?.on('data', add)
    child.stderr?.on('data', add)
    child.once('error', reject)
    child.once('close', () => reject(new Error(`it ended without ${pattern}:\n${text}`)))
  })
