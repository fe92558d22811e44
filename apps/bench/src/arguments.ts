import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { InvalidArgumentError } from 'commander'
import { UsageError } from './errors'
import { type SyntheticSize, syntheticSizes } from './synthetic/sizes'

/** The number of things, at least one, that an argument writes. */
export const positiveNumber = (text: string): number => {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number of at least 1.')
  return value
}

/** For an option that may be given more than once: all its arguments, in order. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text]

/** As `collect`, for arguments that are one of some names. */
export const collectNames =
  (names: readonly string[]) =>
  (text: string, before?: readonly string[]): string[] => {
    if (!names.includes(text)) throw new InvalidArgumentError(`There are ${names.join(', ')}.`)
    return collect(text, before)
  }

/** A model to run: random weights of a size, or a file. */
export type ModelArgument =
  | { readonly kind: 'synthetic'; readonly size: SyntheticSize }
  | { readonly kind: 'file'; readonly path: string }

/** `synth:110m` or a path. */
export const model = (text: string): ModelArgument => {
  const size = /^synth:(.*)$/.exec(text)?.[1]
  if (size === undefined) return { kind: 'file', path: text }
  if (!Object.hasOwn(syntheticSizes, size))
    throw new InvalidArgumentError(`There are synth:${Object.keys(syntheticSizes).join(', synth:')}.`)
  return { kind: 'synthetic', size: size as SyntheticSize }
}

/**
 * The Node that `--node` names: a path, or a version, which comes from npm (`26`, `22.11.0`).
 * @throws UsageError
 */
export const nodePath = async (wanted: string | undefined): Promise<string | undefined> => {
  if (wanted === undefined || existsSync(wanted)) return wanted
  if (!/^\d+(\.\d+){0,2}$/.test(wanted))
    throw new UsageError(`--node ${wanted} is neither a file nor a version such as 26 or 22.11.0`)
  const { stdout } = await promisify(execFile)('npx', [
    '-y',
    ...['-p', `node@${wanted}`],
    ...['node', '-p', 'process.execPath'],
  ]).catch(error => {
    throw new UsageError(`--node ${wanted}: npm has no such Node for this system (${error.message.split('\n')[0]})`)
  })
  return stdout.trim()
}
