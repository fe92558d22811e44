import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testedDevices } from '@cria/vitest/devices'
import { listDevices } from 'cria'
import { describe, expect, test } from 'vitest'
import { sharesOf } from '../src/gpu/shares'

const webgpu = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

test.skipIf(!webgpu?.software)('bench ops refuses a software adapter', async () => {
  const refused = promisify(execFile)(process.execPath, [main, 'ops', '--device', 'webgpu', '--op', 'linear'])
  await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('add --software') })
})

test('a step is the sum of its calls, as often as it makes them', () => {
  const choice = { standard: 'a', wrong: [], kept: false }
  const choices = [
    { ...choice, call: 'x', chosen: 'b', microseconds: { a: 9, b: 5 } },
    { ...choice, call: 'y', chosen: 'a', microseconds: { a: 30, b: 31 } },
    { ...choice, call: 'of prompts', chosen: 'a', microseconds: { a: 1000 } },
  ]
  const counts = new Map([
    ['x', 2],
    ['y', 1],
    ['not measured', 7],
  ])
  expect(sharesOf({ choices }, counts)).toEqual([
    { call: 'y', count: 1, microseconds: 30, share: 0.75 },
    { call: 'x', count: 2, microseconds: 10, share: 0.25 },
  ])
})

describe.skipIf(!webgpu?.available)('bench gpu', { timeout: 600_000 }, () => {
  const small = ['--size', '10m', '--weights', 'q4_0', '--prompt', '12', '--tokens', '2', '--rounds', '1']

  test.skipIf(!webgpu?.software)('refuses a software adapter', async () => {
    const refused = promisify(execFile)(process.execPath, [main, 'gpu', ...small])
    await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('add --software') })
  })

  test('runs to its end, and writes what it measured', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cria-gpu-'))
    try {
      const json = join(folder, 'gpu.json')
      const args = [main, 'gpu', ...small, '--software', '--python', 'no-such-python', '--json', json]
      const env = { ...process.env, XDG_CACHE_HOME: folder }
      const { stdout } = await promisify(execFile)(process.execPath, args, { env })
      for (const title of ['Medians of the rounds', 'Ceilings of WebGPU', 'What the tuner chose', 'Share of each call'])
        expect(stdout).toContain(title)
      expect(stdout).toContain('PyTorch did not run: PyTorch: no-such-python does not run')
      const { data } = JSON.parse(await readFile(json, 'utf8'))
      const [{ contenders, ceilings, ratios, tuning }] = data.findings
      expect(contenders.map(({ name }: { name: string }) => name)).toEqual(['Cria, tuned', 'Cria, defaults'])
      for (const { prefill, decode } of contenders) {
        expect(prefill.median).toBeGreaterThan(0)
        expect(decode.median).toBeGreaterThan(0)
      }
      expect(ratios).toHaveLength(1)
      for (const limit of ['read', 'f32', 'dispatch', 'map']) expect(ceilings[0][limit], limit).toBeGreaterThan(0)
      expect(tuning.choices.length + tuning.open.length).toBeGreaterThan(5)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
