import type { Vocabulary } from '@cria/tokenizer'
import type { DeviceChoice, Sampling, TrainingOptions } from '../types'
import type { Seen } from './analysis'

// What the laboratory offers, by name. Each part is loaded when it is first asked for.

/** That of the open model. */
let vocabulary: Vocabulary | undefined

export const offer = {
  devices: async (_: undefined): Promise<readonly DeviceChoice[]> => {
    const { listDevices } = await import('@cria/tensor')
    return (await listDevices()).map(({ name, available, detail, software }) => ({ name, available, detail, software }))
  },
  /** The embedded model as a file. */
  stories: async (_: undefined) => {
    const { readStories } = await import('@cria/model-stories')
    return new File([await readStories()], 'stories.gguf')
  },
  rotate: async ({ headDim, theta, positions }: { headDim: number; theta: number; positions: number }) =>
    (await import('./rotary')).rotate(headDim, theta, positions),
  rotaryScores: async (input: { headDim: number; theta: number; distances: number; shifts: readonly number[] }) =>
    (await import('./rotary')).rotaryScores(input.headDim, input.theta, input.distances, input.shifts),
  normalise: async (values: readonly number[]) => (await import('./layers')).normalise(values),
  activations: async ({ from, to, points, up }: { from: number; to: number; points: number; up: number }) =>
    (await import('./layers')).activations(from, to, points, up),
  kvCaches: async (_: undefined) => (await import('./kv-caches')).kvCaches(),
  takeVocabulary: (given: Vocabulary | undefined) => {
    vocabulary = given
  },
  merges: async (text: string) => (await import('./merges')).merges(text, vocabulary),
  mixture: async ({ totalTokens, rows }: { totalTokens: number; rows: number }) =>
    (await import('./mixture')).mixture(totalTokens, rows),
  train: async (options: TrainingOptions, signal: AbortSignal) =>
    (await import('./training')).training(options, signal),

  analyse: async (seen: Seen) => (await import('./analysis')).analyse(seen),
  distribution: async ({ position, sampling }: { position: number; sampling: Sampling }) =>
    (await import('./analysis')).distribution(position, sampling),
  statesAt: async (position: number) => (await import('./analysis')).statesAt(position),
  likeliest: async (logits: { readonly shape: readonly number[]; readonly data: Float32Array }) =>
    (await import('./analysis')).likeliestOfRows(logits),
}

export type LabOffer = typeof offer
