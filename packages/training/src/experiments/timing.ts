import type { CausalModel } from '@cria/attention-variants'
import { type Device, layerNorm, rmsNorm, sum, Tape } from '@cria/tensor'

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/**
 * Seconds of each work in each round, [work][round], from its call until its result is read. The works take turns, so that a
 * disturbance of the machine slows all of them. A first round warms up.
 */
const timed = async (works: readonly (() => Promise<void>)[], rounds: number): Promise<number[][]> => {
  const seconds: number[][] = works.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const start = performance.now()
      await work()
      if (round >= 0) seconds[i].push((performance.now() - start) / 1000)
    }
  }
  return seconds
}

/**
 * Tokens a second of decoding one sequence, of each model. Medians of rounds in which the models take turns.
 * @param depth tokens in the cache before the ones that are timed
 */
export const decodeSpeeds = async (
  models: readonly CausalModel[],
  depth: number,
  tokens = 16,
  rounds = 7,
): Promise<number[]> => {
  const caches = models.map(model => model.createCache())
  try {
    const works = models.map((model, i) => {
      const sequence = caches[i].sequence({ capacity: depth + tokens })
      const prompt = Array.from({ length: depth }, (_, i) => i % model.vocabSize)
      model.forward(prompt, sequence).dispose()
      return async () => {
        for (let i = 0; i < tokens; i++) {
          using logits = model.forward([i % model.vocabSize], sequence)
          await logits.read()
        }
        sequence.rewind(depth)
      }
    })
    return (await timed(works, rounds)).map(seconds => tokens / median(seconds))
  } finally {
    for (const cache of caches) cache.dispose()
  }
}

export interface NormTime {
  readonly dim: number
  /** Seconds of one call over the rows. */
  readonly rms: number
  readonly layer: number
  /** Seconds of one call with its gradients. */
  readonly rmsBoth: number
  readonly layerBoth: number
  /** The share of LayerNorm's time that RMSNorm saves, the median of the rounds. */
  readonly saved: number
  readonly savedBoth: number
}

/** Times of RMSNorm and LayerNorm over `rows` rows of each width, forward and with gradients: medians of rounds in which they take turns. */
export const normTimes = async (
  device: Device,
  dims: readonly number[],
  rows = 2048,
  rounds = 9,
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
    const works = [forward(norms.rms), forward(norms.layer), both('rms'), both('layer')]
    const seconds = await timed(works, rounds)
    const [rms, layer, rmsBoth, layerBoth] = seconds.map(median)
    const saved = (a: readonly number[], b: readonly number[]) => median(a.map((value, round) => 1 - value / b[round]))
    times.push({
      ...{ dim, rms, layer, rmsBoth, layerBoth },
      saved: saved(seconds[0], seconds[1]),
      savedBoth: saved(seconds[2], seconds[3]),
    })
  }
  return times
}
