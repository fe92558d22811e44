import type { CausalModel } from '@cria/attention-variants'
import { type Device, layerNorm, rmsNorm, sum, Tape } from '@cria/tensor'

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** Median seconds of `work`, from its call until its result is read. */
const time = async (work: () => Promise<void>, rounds: number): Promise<number> => {
  await work()
  const seconds: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await work()
    seconds.push((performance.now() - start) / 1000)
  }
  return median(seconds)
}

/**
 * Tokens a second of decoding one sequence.
 * @param depth tokens in the cache before the ones that are timed
 */
export const decodeSpeed = async (model: CausalModel, depth: number, tokens = 16, rounds = 5): Promise<number> => {
  const prompt = Array.from({ length: depth }, (_, i) => i % model.vocabSize)
  using cache = model.createCache()
  const sequence = cache.sequence({ capacity: depth + tokens })
  model.forward(prompt, sequence).dispose()
  const seconds = await time(async () => {
    for (let i = 0; i < tokens; i++) {
      using logits = model.forward([i % model.vocabSize], sequence)
      await logits.read()
    }
    sequence.rewind(depth)
  }, rounds)
  return tokens / seconds
}

export interface NormTime {
  readonly dim: number
  /** Seconds of one call over the rows. */
  readonly rms: number
  readonly layer: number
  /** Seconds of one call with its gradients. */
  readonly rmsBoth: number
  readonly layerBoth: number
}

/** Times of RMSNorm and LayerNorm over `rows` rows of each width, forward and with gradients. */
export const normTimes = async (
  device: Device,
  dims: readonly number[],
  rows = 2048,
  rounds = 7,
): Promise<NormTime[]> => {
  const times: NormTime[] = []
  for (const dim of dims) {
    using x = device.tensor(
      Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i)),
      [rows, dim],
    )
    using weight = device.tensor(new Float32Array(dim).fill(1), [dim])
    using bias = device.zeros([dim])
    const norms = {
      rms: () => rmsNorm(x, weight, 1e-5),
      layer: () => layerNorm(x, weight, bias, 1e-5),
    }
    const forward = (norm: () => ReturnType<typeof rmsNorm>) => async () => {
      using total = totalOf(norm)
      await total.read()
    }
    const totalOf = (norm: () => ReturnType<typeof rmsNorm>) => {
      using y = norm()
      return sum(y)
    }
    const both = (name: keyof typeof norms) => async () => {
      using dx = gradientOf(name)
      using total = sum(dx)
      await total.read()
    }
    const gradientOf = (name: keyof typeof norms) => {
      const roots = name === 'rms' ? [x, weight] : [x, weight, bias]
      using scope = device.scope()
      using tape = new Tape(device, roots)
      return scope.keep(tape.gradients(sum(norms[name]()), roots)[0])
    }
    times.push({
      dim,
      rms: await time(forward(norms.rms), rounds),
      layer: await time(forward(norms.layer), rounds),
      rmsBoth: await time(both('rms'), rounds),
      layerBoth: await time(both('layer'), rounds),
    })
  }
  return times
}
