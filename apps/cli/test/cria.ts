import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Test data beside the repository, which may be absent. */
export const data = (path: string): string => fileURLToPath(new URL(`../../../../shared/data/${path}`, import.meta.url))
export const hasData = existsSync(data('stories260K/golden.json'))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The program and the arguments that run the built command. */
export const commandLine = (args: readonly string[]): [program: string, ...args: string[]] => [
  process.execPath,
  main,
  ...args,
]

/** The built command as a child process. */
export const start = (args: readonly string[]): ChildProcessWithoutNullStreams => {
  const [program, ...rest] = commandLine(args)
  return spawn(program, rest)
}

/** How a process ends, and all that it writes. */
export const outcome = (child: ChildProcessWithoutNullStreams): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })

/** Runs the built command to its end. */
export const cria = (args: readonly string[], input: string | Uint8Array = ''): Promise<Outcome> => {
  const child = start(args)
  // A command that fails at once does not read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return outcome(child)
}
