import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, runInBrowser } from '@cria/browser'
import { testedDevices } from '@cria/vitest/devices'
import { describe, expect, test } from 'vitest'
import {
  type Device,
  linear,
  listDevices,
  normGatedLinear,
  openDevice,
  type Precision,
  TensorError,
  type TunedChoice,
} from '../src'
import { WebGpuDevice } from '../src/devices/webgpu/device'
import { type Bench, type Contest, choose, perRun, tune, type Verdict } from '../src/devices/webgpu/tuning/tune'
import { variants } from './cases/variants'
import { TinyLlama } from './tiny-llama'

const available = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')?.available

/** A bench whose clock is a number: runs take what `costs` says, and each submit a while. */
const fakeBench = (costs: Readonly<Record<string, number>>, { submit = 3, wrong = [] as string[], full = '' } = {}) => {
  const clock = { ms: 0, runs: [] as string[], released: [] as string[] }
  const bench: Bench<Contest> = {
    prepare: async ({ name }) => name !== full,
    release: ({ name }) => void clock.released.push(name),
    agrees: async (_contest, name) => !wrong.includes(name),
    time: async (_contest, name, runs) => {
      const took = submit + runs * costs[name]
      clock.ms += took
      clock.runs.push(name)
      return took
    },
  }
  const run = async (contests: readonly Contest[], budget = Number.POSITIVE_INFINITY) => {
    const verdicts: Record<string, Verdict> = {}
    const onVerdict = ({ name }: Contest, verdict: Verdict) => {
      verdicts[name] = verdict
    }
    await tune(contests, bench, { budget, now: () => clock.ms, onVerdict })
    return verdicts
  }
  return { clock, run }
}

const contest = (name: string, ...implementations: string[]): Contest => ({ name, implementations })

describe('what the tuner chooses', () => {
  test('the time of a run has no part of a submit', () => {
    for (const submit of [0, 1, 50]) expect(perRun(submit + 4 * 0.25, submit + 12 * 0.25, 4)).toBeCloseTo(0.25, 9)
    expect(perRun(2, 1, 4)).toBe(0)
  })

  test('the default, unless another takes 5% less time', () => {
    const names = ['a', 'b', 'c']
    expect(choose(names, { a: 100, b: 96, c: 99 })).toBe('a')
    expect(choose(names, { a: 100, b: 95, c: 99 })).toBe('b')
    expect(choose(names, { a: 100, b: 94, c: 90 })).toBe('c')
    expect(choose(names, { a: 100 })).toBe('a')
    // A run takes time: what seems to take none was not measured.
    expect(choose(names, { a: 100, b: 0 })).toBe('a')
    expect(choose(names, { a: 0, b: 50 })).toBe('a')
  })

  test('a variant that is faster and right, with the times of all', async () => {
    const { run } = fakeBench({ a: 0.5, b: 0.4, c: 0.1 }, { wrong: ['c'] })
    const { first } = await run([contest('first', 'a', 'b', 'c')])
    expect(first.chosen).toBe('b')
    expect(first.wrong).toEqual(['c'])
    expect(Object.keys(first.microseconds)).toEqual(['a', 'b'])
    expect(first.microseconds.a).toBeCloseTo(500, 6)
    expect(first.microseconds.b).toBeCloseTo(400, 6)
  })

  test('rounds are interleaved, and short runs are repeated until they are long', async () => {
    const { clock, run } = fakeBench({ a: 0.01, b: 0.01 })
    await run([contest('first', 'a', 'b')])
    expect(clock.runs.slice(-8)).toEqual(['a', 'a', 'b', 'b', 'a', 'a', 'b', 'b'])
    const counts: number[] = []
    const slow = fakeBench({ a: 5, b: 5 })
    await slow.run([contest('first', 'a', 'b')])
    counts.push(slow.clock.runs.length, clock.runs.length)
    // The short ones needed calls to find out how often to repeat them.
    expect(counts[1]).toBeGreaterThan(counts[0])
  })

  test('nothing for contests that time does not suffice for; what was measured stays', async () => {
    const costs = { a: 1, b: 0.5 }
    const contests = [contest('first', 'a', 'b'), contest('second', 'a', 'b'), contest('third', 'a', 'b')]
    const whole = fakeBench(costs)
    expect(Object.keys(await whole.run(contests))).toEqual(['first', 'second', 'third'])
    const short = fakeBench(costs)
    const budget = whole.clock.ms / 2
    expect(Object.keys(await short.run(contests, budget))).toEqual(['first'])
    expect(short.clock.ms).toBeLessThan(budget + 20)
    expect(short.clock.released).toEqual(['first', 'second'])
    expect(await fakeBench(costs).run(contests, 0)).toEqual({})
  })

  test('a contest without memory is left out', async () => {
    const { clock, run } = fakeBench({ a: 1, b: 0.5 }, { full: 'first' })
    const verdicts = await run([contest('first', 'a', 'b'), contest('second', 'a', 'b')])
    expect(Object.keys(verdicts)).toEqual(['second'])
    expect(clock.released).toEqual(['first', 'second'])
  })
})

const step = (shapes: Device) => {
  using model = new TinyLlama(shapes, 'f16')
  model.step(1, 0).dispose()
}

describe.skipIf(!available)('tuning on webgpu', { timeout: 300_000 }, () => {
  const withCacheFolder = async (work: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'cria-tuning-'))
    const before = process.env.XDG_CACHE_HOME
    process.env.XDG_CACHE_HOME = folder
    try {
      await work(join(folder, 'cria'))
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME
      else process.env.XDG_CACHE_HOME = before
      await rm(folder, { recursive: true })
    }
  }
  const patient = { budget: 200_000, workingSet: 2 ** 16 }

  test('measures what a step leaves open, finds every variant right, and keeps what it found', async () => {
    await withCacheFolder(async folder => {
      const open = () => WebGpuDevice.open({ tune: 'on', tuner: patient })
      const tuned = async (device: WebGpuDevice) => {
        await device.prepare(step)
        if (!device.tuning) throw new Error('it did not tune')
        return device.tuning
      }
      await using first = await open()
      const { choices, open: left, place } = await tuned(first)
      expect(left).toEqual([])
      expect(place).toContain(folder)
      expect(choices.map(({ call }) => call.split(' ')[0])).toEqual(
        expect.arrayContaining(['projectHeads', 'linearAdd', 'normGatedLinear', 'normLinear']),
      )
      for (const { wrong, microseconds, chosen, kept } of choices) {
        expect(wrong).toEqual([])
        expect(Object.keys(microseconds)).toContain(chosen)
        expect(Object.keys(microseconds).length).toBeGreaterThan(1)
        expect(kept).toBe(false)
      }
      // It computes on, with what was chosen.
      using model = new TinyLlama(first, 'f16')
      using next = model.step(1, 0)
      expect((await next.readIntegers())[0]).toBeGreaterThanOrEqual(0)

      await using second = await open()
      const again = await tuned(second)
      const byCall = (all: readonly TunedChoice[]) => Object.fromEntries(all.map(choice => [choice.call, choice]))
      expect(byCall(again.choices)).toEqual(byCall(choices.map(choice => ({ ...choice, kept: true }))))

      // A damaged file is measured again.
      const [name] = await readdir(folder)
      const text = await readFile(join(folder, name), 'utf8')
      await writeFile(join(folder, name), text.slice(0, text.length / 2))
      await using third = await WebGpuDevice.open({ tune: 'on', tuner: { ...patient, budget: 0 } })
      const none = await tuned(third)
      expect(none.choices).toEqual([])
      expect(none.open).toHaveLength(choices.length)
    })
  })

  test('what is chosen runs, in steps and in plans', async () => {
    await withCacheFolder(async () => {
      const wanted = 'few rows, lanes /2'
      const verdict = { chosen: wanted, microseconds: {}, wrong: [] }
      const store = {
        place: 'here',
        read: async () => new Proxy({}, { get: () => verdict }) as Record<string, Verdict>,
        write: async () => undefined,
      }
      await using device = await WebGpuDevice.open({ tune: 'on', tuner: { store } })
      const work = (on: Device) => {
        using _scope = on.scope()
        linear(on.zeros([1, 512]), on.zeros([96, 512]))
      }
      await device.prepare(work)
      const ran: string[] = []
      using _observing = device.observe({ call: ({ implementation }) => void ran.push(implementation) })
      work(device)
      using _scope = device.scope()
      linear(device.zeros([12, 512]), device.zeros([96, 512])) // another contest: its default
      expect(ran).toEqual([wanted, device.software ? 'direct' : 'tiled'])
    })
  })

  test('a variant with other values is found wrong, and is not chosen', async () => {
    await withCacheFolder(async () => {
      await using device = await WebGpuDevice.open({ tune: 'on', tuner: patient })
      const { gpu } = device as unknown as { readonly gpu: GPUDevice }
      const create = gpu.createShaderModule.bind(gpu)
      // A driver that compiles subgroups wrongly.
      gpu.createShaderModule = descriptor =>
        create({ ...descriptor, code: descriptor.code.replaceAll('subgroupAdd', 'subgroupMax') })
      await device.prepare(on => {
        using _scope = on.scope()
        const weight = () => on.zeros([96, 512])
        normGatedLinear(on.zeros([1, 512]), on.zeros([512]), weight(), weight(), 1e-5)
      })
      const [{ wrong, chosen }] = device.tuning?.choices ?? []
      expect(wrong).toEqual(['few rows, subgroups', 'few rows, subgroups, lanes /2'])
      expect(wrong).not.toContain(chosen)
    })
  })

  describe('a variant that rounds x to int8', () => {
    const prompt = (on: Device) => {
      using _scope = on.scope()
      linear(on.zeros([12, 512]), on.zeros([96, 512], 'q4_0'))
    }
    const tuned = async (precision: Precision | undefined, change = (code: string) => code) => {
      await using device = await WebGpuDevice.open({ tune: 'on', precision, tuner: patient })
      const { gpu } = device as unknown as { readonly gpu: GPUDevice }
      const create = gpu.createShaderModule.bind(gpu)
      gpu.createShaderModule = descriptor => create({ ...descriptor, code: change(descriptor.code) })
      await device.prepare(prompt)
      const [{ wrong, microseconds }] = device.tuning?.choices ?? []
      return { wrong, measured: Object.keys(microseconds) }
    }
    const int8 = [...variants.keys()].filter(name => name.startsWith('tiled int8'))

    test('is measured only with leave', async () => {
      await withCacheFolder(async () => {
        const without = await tuned(undefined)
        expect(without.measured).toContain('tiled 32x32')
        expect(without.measured.filter(name => int8.includes(name))).toEqual([])
        const { wrong, measured } = await tuned('int8')
        expect(wrong).toEqual([])
        expect(measured).toEqual(expect.arrayContaining(int8))
      })
    })

    test('is found wrong beyond what rounding may change', async () => {
      await withCacheFolder(async () => {
        const { wrong } = await tuned('int8', code => code.replaceAll('127.0 / greatest', '116.0 / greatest'))
        expect(wrong).toEqual(int8)
      })
    })
  })

  test('software adapters are tuned only if asked to', async () => {
    for (const tune of [undefined, 'auto', 'off'] as const) {
      await using device = await openDevice('webgpu', { tune })
      if (device.software || tune === 'off') expect(device.tunes).toBe(false)
      else expect(device.tunes).toBe(true)
    }
    await using device = await openDevice('webgpu', { tune: 'on' })
    expect(device.tunes).toBe(true)
  })
})

test('tune is refused where it would be ignored', async () => {
  await expect(openDevice('cpu', { tune: 'on' })).rejects.toThrow('tune is for the device "webgpu"')
  await expect(openDevice('webgpu', { tune: 'fast' as 'on' })).rejects.toThrow('expected auto, on or off')
  await expect(openDevice('webgpu', { tune: 'on', force: 'kernels' })).rejects.toBeInstanceOf(TensorError)
})

test('precision is refused where it would be ignored', async () => {
  await expect(openDevice('simd', { precision: 'int8' })).rejects.toThrow('precision is for the device "webgpu"')
  await expect(openDevice('webgpu', { precision: 'int4' as 'int8' })).rejects.toThrow('expected one of f32')
  await expect(openDevice('webgpu', { precision: 'int8', tune: 'off' })).rejects.toThrow('tune is off')
  const force = { linear: 'tiled int8' }
  await expect(openDevice('webgpu', { precision: 'int8', force })).rejects.toThrow('force leaves nothing to choose')
  const matrices = { subgroupMatrices: true }
  await expect(openDevice('simd', matrices)).rejects.toThrow('subgroupMatrices are for the device "webgpu"')
  await expect(openDevice('webgpu', { ...matrices, tune: 'off' })).rejects.toThrow('and tune is off')
  const wrong = { subgroupMatrices: 1 as unknown as boolean }
  await expect(openDevice('webgpu', wrong)).rejects.toThrow('subgroupMatrices is 1, expected true or false')
})

test.skipIf(!chromium)('a page keeps what it measured in IndexedDB', { timeout: 300_000 }, async () => {
  const entry = new URL('./tuning.page.ts', import.meta.url)
  const { first, second } = (await runInBrowser({ entry, input: {}, timeout: 280_000 })) as Record<
    'first' | 'second',
    { readonly kept: readonly boolean[]; readonly place: string }
  >
  expect(first.kept).toEqual([false])
  expect(first.place).toBe('IndexedDB "cria"')
  expect(second.kept).toEqual([true])
})
