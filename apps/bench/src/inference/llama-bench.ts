import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CacheType } from '@cria/attention-variants'
import { ContenderError, UsageError } from '../errors'
import type { Contender } from '../hosts/contender'
import { findProgram, type ProgramRun, runProgram } from '../hosts/program'
import { counted } from '../report/format'
import { promptText } from './prompt-text'
import type { StreamSample, StreamSize } from './stream'

export interface LlamaBenchOptions extends StreamSize {
  /** Path of a GGUF file. */
  readonly model: string
  readonly threads: number
  /** f16, llama.cpp's default, unless given. */
  readonly cache?: CacheType | undefined
  /** The program that `--llama-bench` names; the one on PATH unless given. */
  readonly program?: string | undefined
}

type NativeName = 'llama-bench' | 'llama-batched-bench' | 'llama-completion'

/**
 * The path of one of llama.cpp's programs: the one given, one beside it, or one on PATH.
 * @throws UsageError that says how to get it
 */
export const nativeProgram = (name: NativeName, given: string | undefined): string => {
  if (given !== undefined) {
    const path = name === 'llama-bench' ? given : join(dirname(given), name)
    if (existsSync(path)) return path
    throw new UsageError(`--llama-bench ${given}: there is no ${path}: build llama.cpp's ${name}`)
  }
  const found = findProgram(name)
  if (found) return found
  throw new UsageError(`${name} is not on the PATH: build llama.cpp, and name its program with --llama-bench PATH`)
}

/** Options that all of llama.cpp's programs share. Its quantised caches of values need flash attention. */
const sharedArguments = ({ model, threads, cache = 'f16' }: LlamaBenchOptions): string[] => [
  ...['-m', model, '-t', String(threads), '-ngl', '0', '-ctk', cache, '-ctv', cache],
  ...(cache === 'q8_0' ? ['-fa', '1'] : []),
]

/** The fields of a test that are used. */
export interface LlamaBenchTest {
  readonly build: string
  readonly prompt: number
  readonly generated: number
  readonly depth: number
  readonly seconds: number
}

const recordsOf = (name: string, parse: () => unknown): Record<string, unknown>[] => {
  const expected = `${name} wrote no list of results in JSON: use a version that knows "-o json"`
  let value: unknown
  try {
    value = parse()
  } catch (cause) {
    throw new ContenderError(expected, { cause })
  }
  if (Array.isArray(value) && value.every(item => typeof item === 'object' && item !== null)) return value
  throw new ContenderError(expected)
}

const numberOf = (name: string, record: Record<string, unknown>, field: string): number => {
  const value = record[field]
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new ContenderError(`${name} wrote a result whose ${field} is ${JSON.stringify(value)}, expected a number`)
}

/**
 * Reads the output of `llama-bench -o json`: an array of tests, each with its samples in nanoseconds.
 * @throws ContenderError for another output
 */
export const parseLlamaBench = (stdout: string): LlamaBenchTest[] => {
  const name = 'llama-bench'
  return recordsOf(name, () => JSON.parse(stdout)).map(test => {
    const number = (field: string) => numberOf(name, test, field)
    return {
      build: `build ${test.build_number} (${test.build_commit}), ${test.backends}, ${test.cpu_info}`,
      prompt: number('n_prompt'),
      generated: number('n_gen'),
      // Versions before depths wrote none.
      depth: test.n_depth === undefined ? 0 : number('n_depth'),
      seconds: number('avg_ns') / 1e9,
    }
  })
}

/** The fields of a batched test that are used. */
export interface BatchedTest {
  readonly prompt: number
  readonly generated: number
  readonly sequences: number
  readonly prefillSeconds: number
  readonly decodeSeconds: number
}

/**
 * Reads the output of `llama-batched-bench --output-format jsonl`: one object on a line for each test, among other lines.
 * @throws ContenderError for an output without one
 */
export const parseBatchedBench = (stdout: string): BatchedTest[] => {
  const name = 'llama-batched-bench'
  const lines = stdout.split('\n').filter(line => line.trimStart().startsWith('{'))
  return recordsOf(name, () => lines.map(line => JSON.parse(line))).map(test => {
    const number = (field: string) => numberOf(name, test, field)
    return {
      prompt: number('pp'),
      generated: number('tg'),
      sequences: number('pl'),
      prefillSeconds: number('t_pp'),
      decodeSeconds: number('t_tg'),
    }
  })
}

const found = <T>(name: string, test: T | undefined, what: string): T => {
  if (test !== undefined) return test
  throw new ContenderError(`${name} wrote no result for ${what}`)
}

/** A contender that starts programs for each of its runs. */
const nativeContender = (
  name: string,
  description: string,
  measure: (run: (path: string, args: readonly string[]) => Promise<ProgramRun>) => Promise<Record<string, number>>,
): Contender => {
  let peak: number | undefined
  const run = async (path: string, args: readonly string[]) => {
    const done = await runProgram(name, path, args)
    if (done.peakBytes !== undefined) peak = Math.max(done.peakBytes, peak ?? 0)
    return done
  }
  return { name, description, run: () => measure(run), peakBytes: async () => peak, close: async () => {} }
}

/** Describes llama.cpp's build, by a run of llama-bench over one token, which also shows that the model loads. */
const describeBuild = async (options: LlamaBenchOptions): Promise<string> => {
  const name = 'llama-bench'
  const args = [...sharedArguments(options), '-r', '1', '-o', 'json', '-p', '1', '-n', '0']
  const { stdout } = await runProgram(name, nativeProgram(name, options.program), args)
  const { build } = found(name, parseLlamaBench(stdout)[0], 'a prompt of 1')
  return `native, ${build}, ${counted(options.threads, 'thread')}`
}

/** llama.cpp's own benchmark. Each run is a process: it loads the model, warms up, and times one repetition. */
export const llamaBench = async (options: LlamaBenchOptions): Promise<Contender> => {
  const { prompt, depth, tokens, program } = options
  const name = 'llama-bench'
  const path = nativeProgram(name, program)
  const shared = [...sharedArguments(options), '-r', '1', '-o', 'json']
  const promptTest = [...shared, '-p', String(prompt), '-n', '0']
  const decodeTest = [...shared, '-p', '0', '-n', String(tokens), '-d', String(depth)]
  return nativeContender(name, await describeBuild(options), async (run): Promise<StreamSample> => {
    const prefill = parseLlamaBench((await run(path, promptTest)).stdout).find(test => test.prompt === prompt)
    const decode = parseLlamaBench((await run(path, decodeTest)).stdout).find(
      test => test.generated === tokens && test.depth === depth,
    )
    return {
      prefill: found(name, prefill, `a prompt of ${prompt}`).seconds,
      decode: found(name, decode, `${tokens} tokens behind ${depth}`).seconds,
    }
  })
}

/** llama.cpp's benchmark of several sequences at once. */
export const llamaBatchedBench = async (options: LlamaBenchOptions): Promise<Contender> => {
  const { prompt, depth, tokens, sequences, program } = options
  const name = 'llama-batched-bench'
  const path = nativeProgram(name, program)
  const prompts = prompt === depth ? String(prompt) : `${prompt},${depth}`
  const args = [
    ...sharedArguments(options),
    ...['-c', String(sequences * (depth + tokens)), '-b', '2048', '-ub', '512'],
    ...['-npp', prompts, '-ntg', String(tokens), '-npl', String(sequences), '--output-format', 'jsonl'],
  ]
  return nativeContender(name, await describeBuild(options), async (run): Promise<StreamSample> => {
    const tests = parseBatchedBench((await run(path, args)).stdout).filter(test => test.sequences === sequences)
    const of = (count: number) =>
      found(
        name,
        tests.find(test => test.prompt === count),
        `${sequences} prompts of ${count}`,
      )
    return { prefill: of(prompt).prefillSeconds, decode: of(depth).decodeSeconds }
  })
}

/** llama.cpp from its start to the first token that it writes. */
export const llamaCompletion = async (options: LlamaBenchOptions): Promise<Contender> => {
  const { prompt, program } = options
  const name = 'llama-completion'
  const path = nativeProgram(name, program)
  const args = [
    ...sharedArguments(options),
    ...['-c', String(prompt + 8), '-p', promptText(prompt), '-n', '1', '--temp', '0', '--ignore-eos'],
    ...['-no-cnv', '--no-warmup', '--no-display-prompt'],
  ]
  return nativeContender(name, await describeBuild(options), async run => ({
    seconds: (await run(path, args)).firstByteSeconds,
  }))
}
