import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Random } from '@cria/vitest/random'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandLine, cria, outcome, start } from './cria'

// `CRIA_KILLS=50` kills a run 50 times; `CRIA_SEED` repeats the moments.
const kills = Number(process.env.CRIA_KILLS ?? 4)
const seed = Number(process.env.CRIA_SEED ?? Date.now() % 1e6)

let folder: string
/** The last step of the run `whole`, which nothing interrupts. */
let last: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-kill-'))
  const stories = Array.from({ length: 40 }, (_, i) => `The cat sat on mat ${i}, and the dog ran to tree ${i * 7}.`)
  writeFileSync(join(folder, 'text.txt'), stories.map(story => `${story}\n<|endoftext|>\n`).join(''))
  writeFileSync(join(folder, 'lines.txt'), stories.join('\n'))
  const made = ['--input', join(folder, 'lines.txt'), '--vocab-size', '290', '--character-coverage', '1']
  await cria(['train-tokenizer', ...made, '--output', join(folder, 'tokenizer.model')])
  expect(await cria(train('whole'))).toMatchObject({ code: 0 })
  last = wholeSteps('whole').at(-1) as string
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true }))

/** A checkpoint of 630 kB at every step, so that many kills fall into one. */
const train = (output: string): string[] => {
  const path = join(folder, `${basename(output)}.json`)
  const config = {
    model: { dim: 32, n_layers: 2, n_heads: 2, hidden_dim: 64, max_seq_len: 32 },
    tokenizer: 'tokenizer.model',
    data: {
      sources: [{ name: 'stories', share: 1, files: ['text.txt'], separator: '<|endoftext|>' }],
      shards: 'shards',
      rowTokens: 32,
    },
    training: { tokens: 40 * 64, batchTokens: 64, learningRate: 0.01, warmupSteps: 2 },
    checkpoints: { every: 1, keep: 2 },
    output,
  }
  writeFileSync(path, JSON.stringify(config))
  return ['train', '--config', path, '--device', 'simd', '--threads', '2']
}

const pathOf = (output: string, name: string) => join(folder, output, name)
const namesIn = (output: string) => (existsSync(join(folder, output)) ? readdirSync(join(folder, output)) : [])

/** Saved steps whose files all have the hashes of their manifest, the latest last. */
const wholeSteps = (output: string): string[] =>
  namesIn(output)
    .filter(name => name.startsWith('step-') && existsSync(pathOf(output, join(name, 'training.json'))))
    .filter(name => {
      const { files } = JSON.parse(readFileSync(pathOf(output, join(name, 'training.json')), 'utf8'))
      return Object.entries<{ sha256: string }>(files).every(([file, { sha256 }]) => {
        const path = pathOf(output, join(name, file))
        return existsSync(path) && createHash('sha256').update(readFileSync(path)).digest('hex') === sha256
      })
    })
    .sort()

const weights = (output: string) => readFileSync(pathOf(output, join(last, 'model.safetensors')))

/** Kills a child that has begun: at a random moment, or at one while a step is saved. */
const killed = async (child: ReturnType<typeof start>, output: string, saving: boolean, random: Random) => {
  const begun = Date.now()
  const ended = outcome(child)
  await Promise.race([once(child.stderr, 'data'), ended])
  if (!saving) await setTimeout(50 + 400 * random.next())
  else {
    // A killed run leaves such folders too, and they are older.
    const isNew = (name: string) => (statSync(pathOf(output, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) > begun
    const isSaving = () => namesIn(output).some(name => name.endsWith('.part') && isNew(name))
    while (!isSaving() && child.exitCode === null) await setImmediate()
    await setTimeout(5 * random.next())
  }
  child.kill('SIGKILL')
  return ended
}

test(`${kills} kills at random moments of training and saving change no weight (CRIA_SEED=${seed})`, {
  timeout: 120_000 + 30_000 * kills,
}, async () => {
  const expected = weights('whole')
  const random = new Random(seed)
  const args = train('killed')
  /** Where the next run has to continue from; it starts from the beginning if nothing is saved. */
  const next = () => {
    const from = wholeSteps('killed').at(-1)
    const resume = from === undefined ? [] : ['--resume', join(folder, 'killed')]
    return { resume, begins: from === undefined ? 'step 0 of' : `continuing from ${pathOf('killed', from)}\n` }
  }

  let done = 0
  while (done < kills) {
    const { resume, begins } = next()
    const { code, stderr } = await killed(start([...args, ...resume]), 'killed', done % 2 === 0, random)
    expect([null, 0], stderr).toContain(code)
    if (code === null) done++
    // A run may be killed before it has said where it continues from.
    if (stderr.includes('loss')) expect(stderr).toContain(begins)
    if (code !== 0) continue
    expect(weights('killed').equals(expected)).toBe(true)
    rmSync(join(folder, 'killed'), { recursive: true })
  }
  const { resume, begins } = next()
  const { code, stderr } = await cria([...args, ...resume])
  expect(code, stderr).toBe(0)
  expect(stderr).toContain(begins)
  expect(weights('killed').equals(expected)).toBe(true)
})

const canMount = process.platform === 'linux' && spawnSync('unshare', ['-rm', 'true']).status === 0

test.skipIf(!canMount)(
  'on a full disk, in a mount namespace, a run stops, and resumes from the checkpoint before',
  {
    timeout: 120_000,
  },
  async () => {
    mkdirSync(join(folder, 'disk'))
    const args = train('disk/full')
    // Two checkpoints fit.
    const script = 'mount -t tmpfs -o size=1500k tmpfs disk; "$@"; code=$?; cp -r disk/full copy; exit $code'
    const child = spawn('unshare', ['-rm', 'sh', '-c', script, 'sh', ...commandLine(args)], { cwd: folder })
    const { code, stderr } = await outcome(child)
    expect({ code }, stderr).toEqual({ code: 1 })
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^cria: .*step-00000003\.part.*ENOSPC/)
    expect(namesIn('copy').filter(name => name.includes('step-'))).toEqual(['step-00000001', 'step-00000002'])
    expect(wholeSteps('copy')).toEqual(['step-00000001', 'step-00000002'])
    const resumed = await cria([...args, '--resume', join(folder, 'copy')])
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
    expect(resumed.stderr).toContain(`continuing from ${pathOf('copy', 'step-00000002')}\n`)
    expect(weights('copy').equals(weights('whole'))).toBe(true)
  },
)
