import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@cria/vitest/random'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cria, outcome, start } from './cria'

// `CRIA_KILLS=50` kills a run at 50 random moments; `CRIA_SEED` repeats them.
const kills = Number(process.env.CRIA_KILLS ?? 4)
const seed = Number(process.env.CRIA_SEED ?? Date.now() % 1e6)

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cria-kill-'))
  const stories = Array.from({ length: 40 }, (_, i) => `The cat sat on mat ${i}, and the dog ran to tree ${i * 7}.`)
  writeFileSync(join(folder, 'text.txt'), stories.map(story => `${story}\n<|endoftext|>\n`).join(''))
  writeFileSync(join(folder, 'lines.txt'), stories.join('\n'))
  const made = ['--input', join(folder, 'lines.txt'), '--vocab-size', '290', '--character-coverage', '1']
  await cria(['train-tokenizer', ...made, '--output', join(folder, 'tokenizer.model')])
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A checkpoint at every step, so that many kills fall into one. */
const train = (output: string): string[] => {
  const path = join(folder, `${output}.json`)
  const config = {
    model: { dim: 32, n_layers: 2, n_heads: 2, hidden_dim: 64, max_seq_len: 32 },
    tokenizer: 'tokenizer.model',
    data: {
      sources: [{ name: 'stories', share: 1, files: ['text.txt'], separator: '<|endoftext|>' }],
      shards: 'shards',
      rowTokens: 32,
    },
    training: { tokens: (20 + 4 * kills) * 64, batchTokens: 64, learningRate: 0.01, warmupSteps: 2 },
    checkpoints: { every: 1, keep: 2 },
    output,
  }
  writeFileSync(path, JSON.stringify(config))
  return ['train', '--config', path, '--device', 'simd', '--threads', '2']
}

const stepsIn = (output: string) =>
  existsSync(join(folder, output)) ? readdirSync(join(folder, output)).filter(name => name.startsWith('step-')) : []

test(`${kills} kills at random moments of training and saving change no weight (CRIA_SEED=${seed})`, {
  timeout: 120_000 + 30_000 * kills,
}, async () => {
  expect(await cria(train('whole'))).toMatchObject({ code: 0 })
  const last = stepsIn('whole').sort().at(-1) as string
  const random = new Random(seed)
  const args = train('killed')
  const resume = () => (stepsIn('killed').length > 0 ? ['--resume', join(folder, 'killed')] : [])
  for (let kill = 0; kill < kills; kill++) {
    const child = start([...args, ...resume()])
    // From the first step on: about as long as some steps and their checkpoints take.
    child.stderr.once('data', () => setTimeout(() => child.kill('SIGKILL'), 50 + 400 * random.next()))
    const { code, stderr } = await outcome(child)
    expect([null, 0], stderr).toContain(code)
    if (code === 0) break
  }
  if (!stepsIn('killed').includes(last)) expect(await cria([...args, ...resume()])).toMatchObject({ code: 0 })
  const weights = (output: string) => readFileSync(join(folder, output, last, 'model.safetensors'))
  expect(weights('killed').equals(weights('whole'))).toBe(true)
})
