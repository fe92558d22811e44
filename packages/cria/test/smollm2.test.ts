import { existsSync, readFileSync } from 'node:fs'
import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadModel, type Model } from '../src'

// A chat model of byte-level BPE, against llama.cpp and transformers. `tooling/referee/smollm2/README.md` says where the file comes
// from and how the fixtures are made.

const file = process.env.CRIA_SMOLLM2 ?? ''

interface GreedyCase {
  readonly text?: string
  readonly question?: string
  readonly prompt: readonly number[]
  readonly tokens: readonly number[]
  /** The difference of llama.cpp's two best logits at each token. */
  readonly gaps: readonly number[]
}

interface Logits {
  /** One logit in this many is stored. */
  readonly every: number
  readonly cases: readonly {
    readonly ids: readonly number[]
    readonly likeliest: readonly number[]
    readonly logits: readonly number[]
  }[]
}

const fixture = (name: string) => JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'))
const greedy: { readonly stored: readonly GreedyCase[]; readonly f32: readonly GreedyCase[] } =
  fixture('smollm2-greedy.json')
const { every, cases }: Logits = fixture('smollm2-logits.json')

/** Two logits that are closer than this may change places. */
const NEAR = 1e-2

/** The prompt's ids as the model ran them, and what followed greedily. */
const run = async (model: Model, { text, question, tokens }: GreedyCase) => {
  const steps = vi.spyOn(model.network, 'steps')
  const ids: number[] = []
  const options = {
    temperature: 0,
    maxTokens: tokens.length,
    stopIds: [],
    onToken: ({ id }: { id: number }) => ids.push(id),
  }
  const generation =
    question === undefined
      ? model.generate(text ?? '', options)
      : model.chat([{ role: 'user', content: question }], options)
  await generation.all
  const ran = steps.mock.calls.flatMap(([{ ids }]) => (ids instanceof Int32Array ? [...ids] : []))
  steps.mockRestore()
  return { prompt: ran.slice(0, generation.stats.promptTokens), ids }
}

/** Checks all cases. @returns how many differ at a token where llama.cpp's two best logits are nearly equal */
const compare = async (model: Model, expected: readonly GreedyCase[]): Promise<number> => {
  let near = 0
  for (const each of expected) {
    const { prompt, ids } = await run(model, each)
    expect(prompt).toEqual(each.prompt)
    const at = ids.findIndex((id, i) => id !== each.tokens[i])
    if (at < 0) continue
    expect(each.gaps[at], `token ${at} after ${JSON.stringify(each.text ?? each.question)}`).toBeLessThan(NEAR)
    near++
  }
  return near
}

describe.skipIf(!existsSync(file))('SmolLM2-135M-Instruct, if CRIA_SMOLLM2 names its GGUF file', () => {
  let model: Model
  beforeAll(async () => {
    model = await loadModel(file, { device: 'simd', weights: 'f32', cache: 'f32' })
  }, 120_000)
  afterAll(() => model?.dispose())

  test('20 prompts continue as with llama.cpp, with f32 weights', { timeout: 900_000 }, async () => {
    expect(greedy.f32).toHaveLength(20)
    expect(await compare(model, greedy.f32)).toBeLessThanOrEqual(2)
  })

  test('logits are those of transformers', { timeout: 300_000 }, async () => {
    for (const { ids, likeliest, logits } of cases) {
      using result = model.forward(ids)
      const row = await result.read()
      const ranked = Array.from(row.keys()).sort((a, b) => row[b] - row[a])
      expect(ranked.slice(0, likeliest.length)).toEqual(likeliest)
      const errors = logits.map((logit, i) => Math.abs(logit - row[i * every]))
      expect(Math.max(...errors)).toBeLessThan(1e-3)
    }
  })

  test('a text ends where the file says', async () => {
    const generation = model.chat([{ role: 'user', content: 'What is 2 + 2?' }], { temperature: 0, maxTokens: 200 })
    await generation.all
    expect(generation.finishReason).toBe('stop')
  })

  const pages = [
    { device: 'simd', maxTokens: 12, headers: crossOriginIsolation },
    { device: 'webgpu', maxTokens: 4, headers: {} },
  ] as const
  for (const { device, maxTokens, headers } of pages)
    test.skipIf(!chromium)(`chats on ${device} in Chromium`, { timeout: 900_000 }, async () => {
      const { question, tokens } = greedy.stored[10]
      const entry = new URL('./smollm2.page.ts', import.meta.url)
      const files = { '/smollm2.gguf': file }
      const input = { device, question, maxTokens }
      const result = await runInBrowser({ entry, input, files, headers, timeout: 890_000 })
      expect(result).toEqual({ ran: device, ids: tokens.slice(0, maxTokens) })
    })
})
