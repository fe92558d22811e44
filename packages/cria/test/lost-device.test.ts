import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { type Device, DeviceLostError, DeviceUnavailableError, OutOfMemoryError, openDevice } from '@cria/tensor'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { listDevices, loadModel } from '../src'
import { ModelSequences } from '../src/sequences'
import { greedyCases, hasStories, stories } from './stories'

// A device is lost at any of its calls: the sequences continue from the ids that they hold, on a new device.

const config = { dim: 16, n_layers: 2, n_heads: 2, vocab_size: 40, hidden_dim: 24, max_seq_len: 64 }
const open: Device[] = []
afterEach(async () => {
  for (const device of open.splice(0)) await device.close()
})

/** The same small model each time, on its own device. */
const build = async () => {
  const device = await openDevice('cpu')
  open.push(device)
  const network = llama2(device, config)
  initialise(network, device, { seed: 3 })
  return network
}

type Network = Awaited<ReturnType<typeof build>>

/** From its call number `after` on, the device says that it is lost. */
const loseAfter = ({ device }: Network, after: number) => {
  let calls = 0
  const lose =
    <A extends unknown[], R>(work: (...args: A) => R) =>
    (...args: A): R => {
      if (++calls > after) throw new DeviceLostError(device.name, 'a test')
      return work(...args)
    }
  device.apply = lose(device.apply.bind(device)) as Device['apply']
  device.zeros = lose(device.zeros.bind(device))
}

/** Two sequences, the second a fork of the first, eight tokens each. */
const write = async (sequences: ModelSequences) => {
  const first = sequences.createSequence({ capacity: 32 })
  await first.forward([1, 5, 9, 2])
  const second = first.fork()
  second.rewind(3)
  const grow = async (sequence: typeof first, id: number) => {
    const ids = [id]
    while (ids.length < 8) ids.push(...(await sequence.greedy([ids[ids.length - 1]])))
    return { ids, length: sequence.length }
  }
  const texts = await Promise.all([grow(first, 7), grow(second, 11)])
  const [logits] = await first.forward([3])
  first.dispose()
  second.dispose()
  return { texts, logits: Array.from(logits) }
}

describe('a lost device', () => {
  test.each([0, 3, 40, 41, 100, 200, 400])(
    'at call %i: the model is loaded again, and gives the same tokens',
    async after => {
      const expected = await write(new ModelSequences(await build(), 'f32'))
      expect(new Set(expected.texts.flatMap(({ ids }) => ids)).size).toBeGreaterThan(3)
      const network = await build()
      let reloads = 0
      const sequences = new ModelSequences(network, 'f32', async () => {
        reloads++
        return build()
      })
      loseAfter(network, after)
      expect(await write(sequences)).toEqual(expected)
      expect(reloads).toBe(1)
      expect(sequences.model).not.toBe(network)
    },
  )

  test.each([0, 50, 200, 300, 301, 302, 303, 304, 400, 600])(
    'at call %i, while steps run ahead: the same tokens',
    async after => {
      const alone = async (sequences: ModelSequences) => {
        const sequence = sequences.createSequence({ capacity: 32 })
        const ids = [7]
        while (ids.length < 24) ids.push(...(await sequence.greedy([ids[ids.length - 1]])))
        sequence.dispose()
        return ids
      }
      const expected = await alone(new ModelSequences(await build(), 'f32'))
      expect(new Set(expected).size).toBeGreaterThan(3)
      const ahead = async () => {
        const network = await build()
        network.device.stepsAhead = 2
        return network
      }
      const network = await ahead()
      let reloads = 0
      const sequences = new ModelSequences(network, 'f32', async () => {
        reloads++
        return ahead()
      })
      loseAfter(network, after)
      expect(await alone(sequences)).toEqual(expected)
      expect(reloads).toBe(1)
    },
  )

  test('which is lost each time it is opened is an error, and so is one that cannot be opened', async () => {
    const lost = async () => {
      const network = await build()
      loseAfter(network, 5)
      return network
    }
    let reloads = 0
    const again = new ModelSequences(await lost(), 'f32', () => {
      reloads++
      return lost()
    })
    await expect(write(again)).rejects.toThrow(DeviceLostError)
    expect(reloads).toBe(1)
    const gone = new ModelSequences(await lost(), 'f32', async () => {
      throw new DeviceUnavailableError('cpu', 'a test')
    })
    await expect(write(gone)).rejects.toThrow(DeviceUnavailableError)
  })

  test('that nobody may open again is an error', async () => {
    const network = await build()
    loseAfter(network, 30)
    await expect(write(new ModelSequences(network, 'f32'))).rejects.toThrow(DeviceLostError)
  })

  test('is not opened again once the model has been disposed of', async () => {
    const network = await build()
    let made: Network | undefined
    const sequences: ModelSequences = new ModelSequences(network, 'f32', async () => {
      sequences.close()
      made = await build()
      return made
    })
    loseAfter(network, 30)
    await expect(write(sequences)).rejects.toThrow('the model was disposed of')
    // The request ends at once, and the new model as soon as it is there.
    await vi.waitFor(() => expect(made?.device.closed).toBe(true), 10_000)
  })
})

const hasWebGpu = (await listDevices()).find(({ name }) => name === 'webgpu')?.available

describe.skipIf(!hasStories || !hasWebGpu)('a GPU lost while a story is told', () => {
  const [{ prompt, text }] = greedyCases
  const files = [stories('stories260K.bin'), { tokenizer: stories('tok512.model') }] as const
  const destroy = (device: Device) => (device as unknown as { readonly gpu: { destroy(): void } }).gpu.destroy()

  test.each([0, 2])(
    'with %d steps ahead it is opened again, and the story continues',
    { timeout: 60_000 },
    async steps => {
      await using model = await loadModel(files[0], { ...files[1], device: 'webgpu' })
      const first = model.device
      first.stepsAhead = steps
      let told = ''
      let pieces = 0
      for await (const piece of model.generate(prompt, { temperature: 0, maxTokens: 16 })) {
        told += piece
        if (++pieces === 10) destroy(model.device)
      }
      expect(text.startsWith(prompt + told) && pieces > 12, told).toBe(true)
      expect(model.device).not.toBe(first)
      expect(first.closed).toBe(true)
      // Lost while nothing runs: the next story opens it.
      destroy(model.device)
      let again = ''
      for await (const piece of model.generate(prompt, { temperature: 0, maxTokens: 16 })) again += piece
      expect(again).toBe(told)
    },
  )

  test('a device of the caller is not opened again: the error says what to do', async () => {
    await using device = await openDevice('webgpu')
    await using model = await loadModel(files[0], { ...files[1], device })
    destroy(device)
    const story = model.generate(prompt, { maxTokens: 4 })
    await expect(story.text).rejects.toThrow('open the device again and load the model again')
  })
})

test.skipIf(!hasStories)('a weight for which a device has no memory is named', async () => {
  await using device = await openDevice('cpu')
  device.memoryLimit = 300_000
  const load = loadModel(stories('stories260K.bin'), { tokenizer: stories('tok512.model'), device })
  await expect(load).rejects.toThrow(OutOfMemoryError)
  await expect(load).rejects.toThrow(
    /no memory for "layers\.\d\.[a-z0-9_.]+", \[.*\] as f32, \d+ bytes: hold the weights in a smaller/,
  )
  expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
})
