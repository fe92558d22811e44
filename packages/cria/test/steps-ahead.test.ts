import type { CausalModel } from '@cria/attention-variants'
import { initialise } from '@cria/layers'
import type { LlamaConfig } from '@cria/llama'
import { llama2 } from '@cria/llama2'
import { createSession, generate, LogitsError, nextTurn } from '@cria/sampling'
import { type Device, type DeviceName, openDevice, Tensor, type WebGpuDevice } from '@cria/tensor'
import { testedDevices } from '@cria/vitest/devices'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { listDevices, loadModel } from '../src'
import { type ModelSequence, ModelSequences } from '../src/sequences'
import { generateGreedily } from './greedy'
import { greedyCases, hasStories, stories } from './stories'

// Greedy steps that run before they are asked for change no token, however they are interrupted. `cpu` without them is the reference.

const webgpu = testedDevices(await listDevices()).find(({ name }) => name === 'webgpu')
const config = { dim: 16, n_layers: 2, n_heads: 2, vocab_size: 40, hidden_dim: 24, max_seq_len: 256 }
const AHEAD = 2

// One device of each name for all tests, so that its shaders are compiled once.
const open = new Map<DeviceName, Device>()
const networks: CausalModel[] = []
afterEach(() => {
  vi.restoreAllMocks()
  for (const network of networks.splice(0)) network.dispose()
})
afterAll(async () => {
  for (const device of open.values()) await device.close()
})

/** The same small model each time. */
const networkOn = async (name: DeviceName, stepsAhead: number, options: Partial<LlamaConfig> = {}) => {
  const device = open.get(name) ?? (await openDevice(name))
  open.set(name, device)
  device.stepsAhead = stepsAhead
  const network = llama2(device, { ...config, ...options })
  initialise(network, device, { seed: 1, deviation: 0.8 })
  networks.push(network)
  return network
}

const sequencesOf = (network: CausalModel) => new ModelSequences(network, 'f32')

/** The ids of some greedy steps. Each step takes the id that the step before it found. */
const write = async (sequence: ModelSequence, id: number, count: number, vocabSize?: number) => {
  const found: number[] = []
  for (let next = id; found.length < count; next = found[found.length - 1])
    found.push(...(await sequence.greedy([next], { vocabSize })))
  return found
}

/** The ids that a new sequence of this capacity finds after id 1. */
const text = async (network: CausalModel, capacity: number) => {
  const sequence = sequencesOf(network).createSequence({ capacity })
  const found = await write(sequence, 1, capacity)
  sequence.dispose()
  return found
}

const likeliest = ([logits]: readonly Float32Array[]) => logits.indexOf(Math.max(...logits))

/** Passes of a network whose ids were on the device. */
const countAhead = (network: CausalModel): (() => number) => {
  const run = vi.spyOn(network, 'run')
  return () => run.mock.calls.filter(([{ ids }]) => ids instanceof Tensor).length
}

/** What interrupts a sequence that has found `id`, and what it finds then. */
type Interruption = (sequence: ModelSequence, id: number, sequences: ModelSequences) => Promise<unknown>

const interruptions: Readonly<Record<string, Interruption>> = {
  nothing: (sequence, id) => write(sequence, id, 20),
  'another id': (sequence, id) => write(sequence, (id + 7) % 40, 10),
  'ids below a limit': async (sequence, id) => {
    const limited = await write(sequence, id, 10, 12)
    return [limited, await write(sequence, limited[9], 10)]
  },
  'several ids': async (sequence, id) => {
    const found = await sequence.greedy([id, 3, 4], { logits: 'all' })
    return [found, await write(sequence, found[2], 10)]
  },
  logits: async (sequence, id) => {
    const next = likeliest(await sequence.forward([id]))
    return [next, await write(sequence, next, 10)]
  },
  'a rewind': async (sequence, id) => {
    sequence.rewind(sequence.length - 3)
    return write(sequence, id, 10)
  },
  'a rewind to its own length': async (sequence, id) => {
    sequence.rewind(sequence.length)
    return write(sequence, id, 10)
  },
  'a refused id': async (sequence, id) => {
    await expect(sequence.greedy([-1])).rejects.toThrow('token id -1')
    await expect(sequence.greedy([40])).rejects.toThrow('token id 40')
    return [sequence.length, await write(sequence, id, 10)]
  },
  'a fork': async (sequence, id) => {
    const other = sequence.fork()
    const both = [await write(sequence, id, 10), await write(other, (id + 1) % 40, 10)]
    const lengths = [sequence.length, other.length]
    other.dispose()
    return [both, lengths, await write(sequence, both[0][9], 10)]
  },
  'another sequence': async (sequence, id, sequences) => {
    const other = sequences.createSequence({ capacity: 100 })
    const joins = async () => {
      for (let turn = 0; turn < 3; turn++) await nextTurn()
      const [first] = await other.greedy([1, 2, 3, 4, 5])
      return [first, ...(await write(other, first, 10))]
    }
    const found = await Promise.all([write(sequence, id, 24), joins()])
    const after = [await write(sequence, found[0][23], 10), await write(other, found[1][10], 10)]
    other.dispose()
    return [found, after]
  },
  'an abort': async (sequence, id) => {
    const { length } = sequence
    for (const wait of [() => {}, () => Promise.resolve(), nextTurn]) {
      const controller = new AbortController()
      const step = sequence.greedy([id], { signal: controller.signal })
      step.catch(() => {})
      await wait()
      controller.abort()
      // On a fast machine the step may be done.
      await step.then(
        () => sequence.rewind(length),
        () => {},
      )
    }
    return [sequence.length, await write(sequence, id, 10)]
  },
}

const devices = [
  { name: 'cpu', available: true },
  { name: 'webgpu', available: webgpu?.available },
] as const

for (const { name, available } of devices)
  describe.skipIf(!available)(`steps ahead on ${name}`, () => {
    test.each(Object.keys(interruptions))(
      'interrupted by %s, they change no token and leave no memory',
      { timeout: 300_000 },
      async interruption => {
        const script = async (network: CausalModel) => {
          const sequences = sequencesOf(network)
          const found: unknown[] = []
          const memory: (typeof network.device.memory)[] = []
          // Before the first step ahead, with one of them, with two, and where the sequence's first rows end.
          for (const steps of interruption === 'nothing' ? [58, 2] : [2, 6, 12]) {
            const sequence = sequences.createSequence({ capacity: 100 })
            await sequence.forward([5, 9])
            const before = await write(sequence, 2, steps)
            found.push(before, await interruptions[interruption](sequence, before[steps - 1], sequences))
            found.push(sequence.length)
            sequence.dispose()
            // The cache is freed once its last pass has ended.
            await nextTurn()
            memory.push({ ...network.device.memory })
          }
          expect(memory).toEqual(memory.map(() => memory[0]))
          return found
        }
        const expected = await script(await networkOn('cpu', 0))
        expect(new Set(expected.flat(4)).size).toBeGreaterThan(12)
        const network = await networkOn(name, AHEAD)
        const ahead = countAhead(network)
        expect(await script(network)).toEqual(expected)
        expect(ahead()).toBeGreaterThan(8)
      },
    )

    test.each([{}, { temperature: 1.3, topP: 1 }, { temperature: 0.9, topP: 0.6, vocabSize: 25 }])(
      'draw what the samplers draw: %o',
      { timeout: 60_000 },
      async options => {
        const story = async (network: CausalModel) => {
          const session = createSession(sequencesOf(network))
          const told = [1]
          // The second text begins with other numbers than those that the steps ahead of the first have used.
          for (const seed of [7, 8])
            for (const { id } of await generate(session, told, { ...options, seed, maxTokens: 30 }).all) told.push(id)
          session.dispose()
          return told
        }
        const expected = await story(await networkOn('cpu', 0))
        expect(new Set(expected).size).toBeGreaterThan(8)
        const network = await networkOn(name, AHEAD)
        const ahead = countAhead(network)
        expect(await story(network)).toEqual(expected)
        expect(ahead()).toBeGreaterThan(30)
      },
    )

    test('angles that depend on the length of the sequence are those of each step', { timeout: 60_000 }, async () => {
      const rope_scaling = { type: 'dynamic', factor: 4, original_max_seq_len: 16 } as const
      const expected = await text(await networkOn('cpu', 0, { rope_scaling }), 40)
      expect(new Set(expected).size).toBeGreaterThan(12)
      expect(await text(await networkOn(name, AHEAD, { rope_scaling }), 40)).toEqual(expected)
    })

    test('logits that are not numbers end a generation where they would without them', async () => {
      const ids = await text(await networkOn('cpu', 0), 60)
      // The token that the text has latest for the first time.
      const at = ids.findLastIndex((id, i) => ids.indexOf(id) === i)
      expect(at).toBeGreaterThan(12)
      const network = await networkOn(name, AHEAD)
      const { device } = network
      const [, table] = [...network.parameters()].find(([path]) => path === 'tok_embeddings.weight') ?? []
      const values = (await table?.tensor.read()) as Float32Array
      values.fill(Number.NaN, config.dim * ids[at], config.dim * (ids[at] + 1))
      table?.load(device.tensor(values, [config.vocab_size, config.dim]))

      const session = createSession(sequencesOf(network))
      const story = async () => {
        const told: number[] = []
        const telling = async () => {
          for await (const { id } of generate(session, [1], { temperature: 0 })) told.push(id)
        }
        await expect(telling()).rejects.toThrow(LogitsError)
        return told
      }
      expect(await story()).toEqual(ids.slice(0, at + 1))
      const { ...memory } = device.memory
      expect(await story()).toEqual(ids.slice(0, at + 1))
      expect(device.memory).toEqual(memory)
      session.dispose()
    })

    test('a step ahead that fails is not an error until it is asked for', async () => {
      const expected = await text(await networkOn('cpu', 0), 40)
      const network = await networkOn(name, AHEAD)
      const run = network.run.bind(network)
      let refused = 0
      network.run = (list, observe) => {
        if (!(list.ids instanceof Tensor)) return run(list, observe)
        refused++
        throw new Error('a test')
      }
      expect(await text(network, 40)).toEqual(expected)
      expect(refused).toBeGreaterThan(30)
    })

    test('the cache does not grow for them', async () => {
      const network = await networkOn(name, AHEAD)
      const caches = vi.spyOn(network, 'createCache')
      const sequence = sequencesOf(network).createSequence({ capacity: 200 })
      const [{ value: cache }] = caches.mock.results
      const { rows } = cache
      const found = await write(sequence, 1, rows)
      expect(cache.rows).toBe(rows)
      await write(sequence, found[rows - 1], 1)
      expect(cache.rows).toBeGreaterThan(rows)
      sequence.dispose()
    })

    test('a model that is disposed of frees them', async () => {
      const network = await networkOn(name, AHEAD)
      const sequences = sequencesOf(network)
      const { memory } = network.device
      const { allocations } = memory
      const sequence = sequences.createSequence({ capacity: 60 })
      await write(sequence, 1, 20)
      const running = memory.allocations
      sequences.close()
      expect(memory.allocations).toBe(running - 1)
      await expect(sequence.greedy([1])).rejects.toThrow('the model was disposed of')
      sequence.dispose()
      await nextTurn()
      // The two tables of rotary angles stay.
      expect(memory.allocations).toBe(allocations + 2)
    })
  })

describe.skipIf(!webgpu?.available)('steps ahead', () => {
  const gpuOf = (network: CausalModel) => network.device as WebGpuDevice

  /** What each greedy step submits, and what all of them write and read together. */
  const measure = async (network: CausalModel, steps: number) => {
    const device = gpuOf(network)
    const sequence = sequencesOf(network).createSequence({ capacity: 2 + steps })
    let [id] = await sequence.greedy([1, 2])
    const submits: number[] = []
    const before = { ...device.traffic }
    for (let step = 0; step < steps; step++) {
      const start = device.submits
      id = (await sequence.greedy([id]))[0]
      submits.push(device.submits - start)
    }
    const { written, read } = device.traffic
    sequence.dispose()
    return { submits, written: written - before.written, read: read - before.read }
  }

  test('are one submit each, with 4 bytes read and one upload fewer; none is without its token', async () => {
    const steps = 30
    const plain = await measure(await networkOn('webgpu', 0), steps)
    expect(plain.submits).toEqual(new Array(steps).fill(1))
    const ahead = await measure(await networkOn('webgpu', AHEAD), steps)
    // The fifth step starts the first one ahead, the ninth the second; the last two were started before.
    expect(ahead.submits).toEqual([1, 1, 1, 1, 2, 1, 1, 1, 2, ...new Array(steps - 11).fill(1), 0, 0])
    expect(ahead.read).toBe(4 * steps)
    expect(plain.read).toBe(4 * steps)
    // The ids of the steps ahead are not uploaded: all but those of the steps before the first of them.
    expect(plain.written - ahead.written).toBe(256 * (steps - 5))
  })

  test.each([0, 0.6])(
    'a text of a known length runs no step that it does not need, at temperature %f',
    async temperature => {
      const submits: number[] = []
      const read: number[] = []
      for (const stepsAhead of [0, AHEAD]) {
        const network = await networkOn('webgpu', stepsAhead)
        const device = gpuOf(network)
        const before = { submits: device.submits, read: device.traffic.read }
        await generate(sequencesOf(network), [1], { temperature, maxTokens: 40 }).all
        submits.push(device.submits - before.submits)
        read.push(device.traffic.read - before.read)
      }
      expect(submits[1]).toBe(submits[0])
      // Ids alone, not the vocabulary.
      expect(read[1]).toBe(4 * 40)
      expect(read[0]).toBe(temperature === 0 ? 4 * 40 : 4 * 40 * config.vocab_size)
    },
  )

  test('a stop id costs them at most, and a session continues after it', async () => {
    const found: number[][] = []
    const submits: number[] = []
    for (const stepsAhead of [0, AHEAD]) {
      const network = await networkOn('webgpu', stepsAhead)
      const device = gpuOf(network)
      const session = createSession(sequencesOf(network))
      const ids = await generate(session, [1], { temperature: 0, maxTokens: 40 }).all
      const at = ids.findLastIndex(({ id }, i) => ids.findIndex(other => other.id === id) === i)
      expect(at).toBeGreaterThan(9)
      const before = device.submits
      const stopped = generate(session, [1], { temperature: 0, stopIds: [ids[at].id] })
      const told = (await stopped.all).map(({ id }) => id)
      expect(stopped.stopped).toEqual({ id: ids[at].id })
      submits.push(device.submits - before)
      const next = await generate(session, [1, ...told, 9], { temperature: 0, maxTokens: 12 }).all
      found.push([...told, ...next.map(({ id }) => id)])
      session.dispose()
    }
    expect(found[1]).toEqual(found[0])
    expect(submits[1]).toBe(submits[0] + AHEAD)
  })

  test('a session that was aborted during a step continues at once', async () => {
    for (const stepsAhead of [0, AHEAD]) {
      const sequences = sequencesOf(await networkOn('webgpu', stepsAhead))
      const session = createSession(sequences)
      const controller = new AbortController()
      const told = [1]
      const story = async () => {
        for await (const { id } of generate(session, [1], { temperature: 0, signal: controller.signal })) {
          told.push(id)
          // The loop may wait for a turn before the step.
          if (told.length === 20)
            void nextTurn()
              .then(() => nextTurn())
              .then(() => controller.abort(new Error('enough')))
        }
      }
      await expect(story()).rejects.toThrow('enough')
      const prompt = [...told, 9, 8]
      const options = { temperature: 0, maxTokens: 12 }
      const continued = await generate(session, prompt, options).all
      expect(continued).toEqual(await generate(sequences, prompt, options).all)
      session.dispose()
    }
  })

  test.skipIf(!hasStories)('tell the story that is told without them', { timeout: 300_000 }, async () => {
    const [golden] = greedyCases
    const begin = { ...golden, steps: golden.prompt_ids.length + 40 }
    for (const stepsAhead of [0, AHEAD]) {
      const { device } = await networkOn('webgpu', stepsAhead)
      const tokenizer = stories('tok512.model')
      await using model = await loadModel(stories('stories260K.bin'), { tokenizer, device, cache: 'f32' })
      const ahead = countAhead(model.network)
      const { text } = await generateGreedily(model, begin)
      expect(golden.text.startsWith(text), text).toBe(true)
      expect(text.length).toBeGreaterThan(golden.prompt.length + 60)
      expect(ahead() > 30, `${ahead()} steps ahead`).toBe(stepsAhead > 0)
    }
  })
})
