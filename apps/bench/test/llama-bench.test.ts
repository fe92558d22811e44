import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram, runProgram } from '../src/hosts/program'
import {
  llamaBatchedBench,
  llamaBench,
  llamaCompletion,
  nativeProgram,
  parseBatchedBench,
  parseLlamaBench,
} from '../src/inference/llama-bench'

/** One test of `llama-bench -o json`, with the fields that its documentation shows. */
const benchTest = (fields: Record<string, unknown>) => ({
  build_commit: '8cf427ff',
  build_number: 5163,
  cpu_info: 'AMD EPYC',
  gpu_info: '',
  backends: 'CPU',
  model_filename: 'm.gguf',
  model_type: 'llama 1B Q8_0',
  model_size: 1_170_000_000,
  n_threads: 2,
  type_k: 'f16',
  type_v: 'f16',
  n_prompt: 0,
  n_gen: 0,
  n_depth: 0,
  test_time: '2026-11-28T11:58:50Z',
  avg_ns: 0,
  stddev_ns: 0,
  avg_ts: 0,
  stddev_ts: 0,
  samples_ns: [],
  samples_ts: [],
  ...fields,
})

/** One line of `llama-batched-bench --output-format jsonl`. */
const batchedLine = (fields: Record<string, number>) =>
  JSON.stringify({
    ...{ n_kv_max: 1536, n_batch: 2048, n_ubatch: 512, flash_attn: 0, is_pp_shared: 0, n_gpu_layers: 0 },
    ...{ n_threads: 2, n_threads_batch: 2, pp: 128, tg: 64, pl: 8, n_kv: 1536, t_pp: 4, speed_pp: 256 },
    ...{ t_tg: 2, speed_tg: 256, t: 6, speed: 256 },
    ...fields,
  })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-llama-bench-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A program that runs this source in Node, with its arguments in `args`. */
const program = async (name: string, source: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, `#!${process.execPath}\nconst args = process.argv.slice(2)\n${source}\n`)
  await chmod(path, 0o755)
  return path
}

const size = { prompt: 128, depth: 1536, tokens: 64, sequences: 1 }
const options = { ...size, model: 'm.gguf', threads: 2 }

/** Prints a test of each argument pair, as the program does, and appends its arguments to a file. */
const recordingBench = (log: string) => `
const of = name => Number(args[args.indexOf(name) + 1] ?? 0)
require('node:fs').appendFileSync(${JSON.stringify(log)}, args.join(' ') + '\\n')
const depth = args.includes('-d') ? of('-d') : 0
const base = ${JSON.stringify(benchTest({}))}
const test = { ...base, n_prompt: of('-p'), n_gen: of('-n'), n_depth: depth, avg_ns: of('-p') > 0 ? 4e8 : 2e9 }
console.error('warming up')
console.log(JSON.stringify([test]))`

/** Prints one test, with any arguments. */
const oneTest = `console.log(JSON.stringify([${JSON.stringify(benchTest({}))}]))`

describe('llama-bench', () => {
  test('is read from its JSON', () => {
    const tests = [benchTest({ n_prompt: 128, avg_ns: 5e8 }), benchTest({ n_gen: 64, n_depth: 1536, avg_ns: 2e9 })]
    expect(parseLlamaBench(JSON.stringify(tests, null, 2))).toEqual([
      { build: 'build 5163 (8cf427ff), CPU, AMD EPYC', prompt: 128, generated: 0, depth: 0, seconds: 0.5 },
      { build: 'build 5163 (8cf427ff), CPU, AMD EPYC', prompt: 0, generated: 64, depth: 1536, seconds: 2 },
    ])
  })

  test.each([
    ['', 'llama-bench wrote no list of results in JSON'],
    ['| model | size |', 'llama-bench wrote no list of results in JSON'],
    ['{}', 'llama-bench wrote no list of results in JSON'],
    ['[{"n_prompt": "128"}]', 'llama-bench wrote a result whose n_prompt is "128", expected a number'],
    ['[{"n_prompt": 1, "n_gen": 0, "avg_ns": -1}]', 'whose avg_ns is -1'],
  ])('with the output %j is refused', (stdout, message) => {
    expect(() => parseLlamaBench(stdout)).toThrow(message)
  })

  test('runs once for the prompt and once behind the depth, with the threads and cache asked for', async () => {
    const log = join(folder, 'log')
    const path = await program('llama-bench', recordingBench(log))
    const contender = await llamaBench({ ...options, cache: 'q8_0', program: path })
    expect(contender.description).toBe('native, build 5163 (8cf427ff), CPU, AMD EPYC, 2 threads')
    expect(await contender.run()).toEqual({ prefill: 0.4, decode: 2 })
    const lines = (await import('node:fs')).readFileSync(log, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toContain('-m m.gguf -t 2 -ngl 0 -ctk q8_0 -ctv q8_0 -fa 1 -r 1 -o json')
    expect(lines[1]).toMatch(/-p 128 -n 0$/)
    expect(lines[2]).toMatch(/-p 0 -n 64 -d 1536$/)
  })

  test('without the test asked for is an error', async () => {
    const path = await program('other-bench', oneTest)
    const contender = await llamaBench({ ...options, program: path })
    await expect(contender.run()).rejects.toThrow('llama-bench wrote no result for a prompt of 128')
  })

  test('that ends with an error is one, with its last line', async () => {
    const path = await program('broken', 'console.error("one\\nerror: no such model"); process.exit(3)')
    const promise = llamaBench({ ...options, program: path })
    await expect(promise).rejects.toMatchObject({
      name: 'ContenderError',
      message: 'llama-bench ended with 3: error: no such model',
    })
  })
})

describe('llama-batched-bench', () => {
  test('is read from its lines, among others', () => {
    const stdout = `main: n_kv_max = 1536\n\n${batchedLine({})}\n${batchedLine({ pp: 1536, t_tg: 9 })}\n\nllama_perf\n`
    expect(parseBatchedBench(stdout)).toEqual([
      { prompt: 128, generated: 64, sequences: 8, prefillSeconds: 4, decodeSeconds: 2 },
      { prompt: 1536, generated: 64, sequences: 8, prefillSeconds: 4, decodeSeconds: 9 },
    ])
  })

  test('gives the prefill of the prompt, and the decode behind the depth', async () => {
    await program('llama-bench', oneTest)
    const lines = [batchedLine({}), batchedLine({ pp: 1536, t_pp: 50, t_tg: 9 })]
    await program(
      'llama-batched-bench',
      `if (args.join(' ').includes('-npp 128,1536 -ntg 64 -npl 8 --output-format jsonl')) console.log(${JSON.stringify(lines.join('\n'))})`,
    )
    const contender = await llamaBatchedBench({ ...options, sequences: 8, program: join(folder, 'llama-bench') })
    expect(contender.description).toBe('native, build 5163 (8cf427ff), CPU, AMD EPYC, 2 threads')
    expect(await contender.run()).toEqual({ prefill: 4, decode: 9 })
  })

  test('whose context was too small for a test is an error', async () => {
    await program('llama-bench', oneTest)
    await program('llama-batched-bench', `console.log(${JSON.stringify(batchedLine({}))})`)
    const contender = await llamaBatchedBench({ ...options, sequences: 8, program: join(folder, 'llama-bench') })
    await expect(contender.run()).rejects.toThrow('llama-batched-bench wrote no result for 8 prompts of 1536')
  })
})

test('llama-completion is timed until its first byte', async () => {
  await program('llama-bench', oneTest)
  await program('llama-completion', `process.stdout.write('x'); setTimeout(() => {}, 400)`)
  const contender = await llamaCompletion({ ...options, program: join(folder, 'llama-bench') })
  const { seconds } = await contender.run()
  expect(seconds).toBeGreaterThan(0)
  const whole = await runProgram('it', join(folder, 'llama-completion'), [])
  expect(whole.firstByteSeconds).toBeGreaterThan(0)
  expect(whole.stdout).toBe('x')
})

describe('programs', () => {
  test('are found on a path, in its order', async () => {
    await program('a-program', '')
    expect(findProgram('a-program', `/no-such-folder:${folder}`)).toBe(join(folder, 'a-program'))
    expect(findProgram('a-program', '/no-such-folder:')).toBeUndefined()
  })

  test('that are not there say how to get them', () => {
    expect(() => nativeProgram('llama-bench', '/no/llama-bench')).toThrow(
      "--llama-bench /no/llama-bench: there is no /no/llama-bench: build llama.cpp's llama-bench",
    )
    expect(() => nativeProgram('llama-completion', '/no/llama-bench')).toThrow('there is no /no/llama-completion')
  })

  test('that cannot run are errors that name the contender', async () => {
    await expect(runProgram('it', '/no-such-program', [])).rejects.toMatchObject({
      name: 'ContenderError',
      message: expect.stringContaining('it does not run: '),
    })
  })
})
