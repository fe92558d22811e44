import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inPython } from '../src/hosts/python'
import { trainingFindings } from '../src/training/report'
import { type TrainingSizeName, trainingRows, trainingSizes } from '../src/training/sizes'

test('sizes have the parameters of their names', async () => {
  await using shapes = await openDevice('shape')
  const count = (name: TrainingSizeName) => llama2(shapes, { ...trainingSizes[name], tied_output: true }).parameterCount
  // By hand: the embedding, then per layer wq and wo, wk and wv, the feed-forward and two norms, then the last norm.
  expect(count('1.2M')).toBe(2048 * 128 + 5 * (2 * 128 * 128 + 2 * 128 * 64 + 3 * 128 * 352 + 2 * 128) + 128)
  expect(count('5M')).toBe(2048 * 256 + 6 * (2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 704 + 2 * 256) + 256)
  expect(count('13.8M')).toBe(2048 * 384 + 8 * (2 * 384 * 384 + 2 * 384 * 192 + 3 * 384 * 1024 + 2 * 384) + 384)
})

test('rows hold a token more than the context, and are different', () => {
  const rows = trainingRows(trainingSizes['1.2M'], 3)
  expect(rows.map(row => row.length)).toEqual([257, 257, 257])
  expect(rows[0]).not.toEqual(rows[1])
  expect(Math.max(...rows.flat())).toBeLessThan(2048)
})

test('findings are tokens a second, ratios round by round, and shares of the f32 ceiling', () => {
  const run = (name: string, seconds: number[], flops?: number) => ({
    ...{ name, description: 'd', peakBytes: 7 },
    samples: seconds.map(each => ({ seconds: each, loss: 1, ...(flops && { flops }) })),
  })
  const ceilings = [
    { read: 1, f32: 100, i8: 1 },
    { read: 1, f32: 200, i8: 1 },
  ]
  const [cria, other] = trainingFindings('s', [run('Cria', [1, 2], 50), run('PyTorch', [2, 1])], 10, ceilings)
  expect(cria.rate.samples).toEqual([10, 5])
  expect(cria.share.samples).toEqual([0.5, 0.125])
  expect(other.times.samples).toEqual([2, 0.5])
  expect(other.share.samples).toEqual([0.25, 0.25])
})

describe('a Python script', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cria-python-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** A program in place of Python, which is given a script and an argument. */
  const python = async (source: string): Promise<string> => {
    const path = join(folder, 'python')
    await writeFile(path, `#!${process.execPath}\n${source}\n`)
    await chmod(path, 0o755)
    return path
  }

  test('describes itself, and answers with samples until its input ends', async () => {
    const source = `
const [script, argument] = process.argv.slice(2)
console.log(JSON.stringify({ description: script + JSON.parse(argument).n }))
let round = 0
require('node:readline').createInterface({ input: process.stdin }).on('line', () => console.log(JSON.stringify({ seconds: ++round })))`
    const contender = await inPython('it', { python: await python(source), script: 's', argument: { n: 3 } })
    expect(contender.description).toBe('s3')
    expect([await contender.run(), await contender.run()]).toEqual([{ seconds: 1 }, { seconds: 2 }])
    await contender.close()
  })

  test.each([
    [
      'console.error("Traceback\\nModuleNotFoundError: No module named torch"); process.exit(1)',
      'No module named torch',
    ],
    ['console.log("hello"); setInterval(() => {}, 1000)', 'it: it wrote "hello", expected JSON'],
  ])('that fails is an error that names it', async (source, message) => {
    const options = { python: await python(source), script: 's', argument: {} }
    await expect(inPython('it', options)).rejects.toMatchObject({
      name: 'ContenderError',
      message: expect.stringContaining(message),
    })
  })

  test('without a Python is an error', async () => {
    const options = { python: '/no/python', script: 's', argument: {} }
    await expect(inPython('it', options)).rejects.toThrow('it: /no/python does not run')
  })
})
