import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPath } from '@cria/checkpoint/node'
import { argMax } from '@cria/sampling'
import { describe, expect, test } from 'vitest'
import { type LoadOptions, loadNetwork } from '../src'

// Files that llama.cpp has quantised, with the mixtures of types that real files have: their rows of 576 are not whole blocks of
// 256. `tooling/referee/smollm2/README.md` says how the files and the fixture are made.

const folder = process.env.CRIA_SMOLLM2_TYPES ?? ''

interface Fixture {
  readonly ids: readonly number[]
  /** llama.cpp's likeliest token after each of the ids, by file: of the file itself, and of its weights as f32. */
  readonly types: Readonly<Record<string, Readonly<Record<'stored' | 'f32', readonly number[]>>>>
}

/** How far logits may be from those of dequantised weights: activations are rounded to 16 bits, or by relaxed SIMD to 8. */
const bounds = { plain: 0.002, relaxed: 0.3 } as const

const { ids, types }: Fixture = JSON.parse(
  readFileSync(new URL('fixtures/smollm2-types.json', import.meta.url), 'utf8'),
)

/** Logits of all ids, in parts; and the type of each weight on the device. */
const run = async (path: string, options: LoadOptions) => {
  await using loaded = await loadNetwork(path, { device: 'simd', cache: 'f32', ...options })
  const { network } = loaded
  const held = new Map([...network.parameters()].map(([name, { tensor }]) => [name, tensor.dtype]))
  using cache = network.createCache({ dtype: 'f32' })
  using sequence = cache.sequence({ capacity: ids.length })
  const rows: Float32Array[] = []
  for (let at = 0; at < ids.length; at += 100) {
    using logits = network.forward(ids.slice(at, at + 100), sequence, { logits: 'all' })
    const values = await logits.read()
    for (let row = 0; row < logits.shape[0]; row++)
      rows.push(values.slice(row * network.vocabSize, (row + 1) * network.vocabSize))
  }
  return { rows, held, build: network.device.description.includes('relaxed') ? 'relaxed' : 'plain' } as const
}

const shareOfSame = (a: readonly number[], b: readonly number[]) => a.filter((id, i) => id === b[i]).length / a.length

/** Root of the mean square of the differences of two rows, relative to the spread of the second. */
const difference = (found: Float32Array, expected: Float32Array): number => {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length
  const squares = (of: (value: number, i: number) => number) =>
    expected.reduce((sum, value, i) => sum + of(value, i) ** 2, 0)
  return Math.sqrt(squares((value, i) => value - found[i]) / squares(value => value - mean))
}

describe.skipIf(!existsSync(folder))('SmolLM2 in types of llama.cpp, if CRIA_SMOLLM2_TYPES names their folder', () => {
  test.each(Object.entries(types))('%s', { timeout: 900_000 }, async (type, { stored, f32 }) => {
    const path = join(folder, `${type}.gguf`)
    const { rows, held, build } = await run(path, {})

    // Each matrix is held as it is stored.
    const checkpoint = await openPath(path)
    const matrices = [...checkpoint.tensors.values()].filter(({ shape }) => shape.length > 1).map(({ dtype }) => dtype)
    await checkpoint.close()
    expect(new Set(matrices).size).toBeGreaterThan(1)
    expect([...held.values()].filter(dtype => dtype !== 'f32').sort()).toEqual(matrices.sort())

    // llama.cpp rounds activations to 8 bits, which changes its own likeliest token at one position of twenty. With 8 bits Cria
    // is at least as close to the dequantised weights.
    const likeliest = rows.map(row => argMax(row))
    expect(likeliest).toHaveLength(500)
    expect(shareOfSame(likeliest, f32)).toBeGreaterThanOrEqual(build === 'plain' ? 0.98 : shareOfSame(stored, f32))

    // The same weights, dequantised.
    const exact = await run(path, { weights: 'f32' })
    const worst = Math.max(...rows.map((row, i) => difference(row, exact.rows[i])))
    expect(worst).toBeLessThan(bounds[build])
  })
})
