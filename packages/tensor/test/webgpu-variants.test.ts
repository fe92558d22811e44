import { chromium, crossOriginIsolation, runInBrowser } from '@cria/browser'
import { emulated, testedDevices } from '@cria/vitest/devices'
import { Random } from '@cria/vitest/random'
import { describe, expect, test } from 'vitest'
import { linear, linearAdd, listDevices, openDevice } from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'
import { matrixFeaturesOf } from '../src/devices/webgpu/matrix-units'
import { WebGpuPlan } from '../src/devices/webgpu/plan'
import { MOST_LANES, matrixFeature, matrixSizes } from '../src/devices/webgpu/shaders/matrices'
import { defaults, runVariant, type VariantOutcome, variants } from './cases/variants'

// Every variant of the shaders of "webgpu" against float64: on a user's GPU the tuner may choose any of them.
// Where there is no f16, its shaders run in f32, and all are compiled as they are, by Dawn without a GPU.
// All take ten minutes on an emulated GPU, for which CRIA_VARIANTS asks. Without it, the defaults run, and CRIA_SEED draws one more of
// each kind.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const available = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')?.available
const names = [...variants.keys()]
const draw = new Random(seed)
const tested =
  process.env.CRIA_VARIANTS === undefined
    ? [
        ...defaults,
        ...[/^few rows/, /^tiled \d/, /^tiled f16/, /^tiled int8/, /^tiled matrices/, /^online/].map(kind => {
          const ofKind = names.filter(name => kind.test(name) && !defaults.includes(name))
          return ofKind[draw.integer(0, ofKind.length - 1)]
        }),
      ]
    : names

const hold = ({ calls, outcomes }: VariantOutcome) => {
  expect(calls).toBeGreaterThan(10)
  expect(outcomes.filter(({ error, limit }) => !(error <= limit))).toEqual([])
}

/**
 * The names of shared vectors that a shader writes one component at a time. Metal and D3D may store the whole vector at such a write.
 * Then what another lane wrote into it is lost (gpuweb#2112).
 */
const sharedComponentsWritten = (code: string): string[] =>
  [...code.matchAll(/var<workgroup> (\w+): ([^;]*vec[^;]*);/g)]
    .filter(([, name, type]) => {
      const depth = type.split('array<').length
      return new RegExp(
        `\\b${name}(\\[[^\\]]*\\]){${depth}}\\s*[-+*/]?=[^=]|\\b${name}[^;=]*\\.[xyzw]\\s*[-+*/]?=[^=]`,
      ).test(code)
    })
    .map(([, name]) => name)

describe(`variants, seed ${seed}`, { timeout: 600_000 }, () => {
  test('products, tiles and attention have several', () => {
    expect(names).toEqual(expect.arrayContaining(['few rows, subgroups', 'tiled 32x32', 'online, stretches of 64']))
    expect(variants.get('few rows, subgroups')).toHaveLength(5)
    const nucleus = ['nucleus', 'nucleus by few']
    expect(defaults).toEqual(['few rows', 'few rows, lanes /16', 'tiled', 'direct', 'online', ...nucleus])
  })

  test.skipIf(!available)('a NaN in x is not lost where x is rounded', async () => {
    await using device = await openDevice('webgpu', { force: { linear: 'tiled int8' } })
    const x = new Float32Array(2 * 64).fill(1)
    x[40] = Number.NaN
    const weight = new Uint8Array(3 * 2 * 34).fill(1)
    const y = await linear(device.tensor(x, [2, 64]), device.tensor(weight, [3, 64], 'q8_0')).read()
    expect(Array.from(y, Number.isNaN)).toEqual([true, true, true, false, false, false])
  })

  test.skipIf(!available).each(tested)('%s', async name => hold(await runVariant(name, seed)))

  test.skipIf(!available)('products of int8 are the same bits where a weight is in several buffers', async () => {
    const product = async (limit: number | undefined) => {
      await using device = await WebGpuDevice.open({ force: { linear: 'tiled int8' }, limit })
      const x = Float32Array.from({ length: 12 * 64 }, (_, i) => Math.sin(i))
      const bits = Uint8Array.from({ length: 301 * 2 * 34 }, (_, i) => (i % 34 === 1 ? 0x28 : (i * 37) % 127))
      return await linear(device.tensor(x, [12, 64]), device.tensor(bits, [301, 64], 'q8_0')).read()
    }
    const whole = await product(undefined)
    expect(whole.some(value => value !== 0)).toBe(true)
    expect(await product(2 ** 14)).toEqual(whole)
  })

  test('the shaders of prompts compile for a GPU that has every feature', async () => {
    const { create } = await import('webgpu')
    const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
    const adapter = await gpu.requestAdapter()
    const matrices = 'chromium-experimental-subgroup-matrix' as 'subgroups'
    const optional = ['subgroups', 'shader-f16', matrices] as const
    const device = await adapter?.requestDevice({ requiredFeatures: [...optional] })
    if (!device) throw new Error('Dawn has no adapter without a GPU')
    const features = new Set([...optional, 'packed_4x8_integer_dot_product', ...matrixSizes.map(matrixFeature)])
    const plan = new WebGpuPlan({ features, precision: 'int8', software: true })
    for (const dtype of plan.weightTypes) {
      using x = plan.zeros([12, 256])
      using weight = plan.zeros([40, 256], dtype)
      using residual = plan.zeros([12, 40])
      linear(x, weight).dispose()
      linearAdd(x, weight, residual).dispose()
    }
    const found = new Set<string>()
    for (const { call, candidates } of plan.contests)
      for (const { name, plan: steps } of candidates)
        for (const { shader } of steps(call)) {
          found.add(name)
          expect(sharedComponentsWritten(shader.code), shader.name).toEqual([])
          device.pushErrorScope('validation')
          const module = device.createShaderModule({ code: shader.code })
          device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } })
          expect((await device.popErrorScope())?.message, shader.name).toBeUndefined()
        }
    expect([...found].sort()).toEqual(names.filter(name => /^(tiled|direct)/.test(name)).sort())
    device.destroy()
  })

  test('matrices are used where adapter, WGSL and subgroups allow them', () => {
    const all = ['chromium-experimental-subgroup-matrix', 'subgroups', 'shader-f16']
    const config = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 }
    const found = (change: object = {}, features = all, subgroupMaxSize = 32) => {
      const info = { subgroupMaxSize, subgroupMatrixConfigs: [{ ...config, ...change }] }
      return matrixFeaturesOf({ features: new Set(features), info } as unknown as GPUAdapter)
    }
    expect(found()).toEqual(['matrices f16 16x16x16'])
    expect(found({ M: 8 })).toEqual(['matrices f16 8x16x16'])
    expect(found({}, all, MOST_LANES)).toHaveLength(1)
    const apple = { componentType: 'f32', M: 8, N: 8, K: 8 }
    expect(found(apple, all.slice(0, 2))).toEqual(['matrices f32 8x8x8'])
    for (const lacking of all)
      expect(
        found(
          {},
          all.filter(one => one !== lacking),
        ),
      ).toEqual([])
    expect(found({ resultComponentType: 'f16' })).toEqual([])
    expect(found({ K: 8 })).toEqual([])
    expect(found({}, all, 2 * MOST_LANES)).toEqual([])
  })

  test.skipIf(!available)('an adapter without units for matrices is refused', async () => {
    await expect(openDevice('webgpu', { subgroupMatrices: true })).rejects.toMatchObject({
      name: 'DeviceUnavailableError',
      reason: expect.stringMatching(/has no matrices f16 16x16x16, matrices f16 8x16x16, matrices f32 8x8x8 /),
    })
  })

  test.skipIf(!chromium || !emulated)('one of each kind in Chromium', async () => {
    const entry = new URL('./variants.page.ts', import.meta.url)
    const kinds = ['few rows, subgroups', 'tiled 32x64', 'tiled f16', 'tiled int8', 'online, stretches of 64']
    const run = { entry, input: { names: kinds, seed }, headers: crossOriginIsolation, timeout: 580_000 }
    const found = (await runInBrowser(run)) as Readonly<Record<string, VariantOutcome>>
    expect(Object.keys(found)).toEqual(kinds)
    for (const outcome of Object.values(found)) hold(outcome)
  })
})
