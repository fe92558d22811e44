import { serve } from '../rpc'

// Each part is loaded when it is first asked for.
const offer = {
  rotate: async ({ headDim, theta, positions }: { headDim: number; theta: number; positions: number }) =>
    (await import('./rotary')).rotate(headDim, theta, positions),
  rotaryScores: async (input: { headDim: number; theta: number; distances: number; shifts: readonly number[] }) =>
    (await import('./rotary')).rotaryScores(input.headDim, input.theta, input.distances, input.shifts),
  normalise: async (values: readonly number[]) => (await import('./layers')).normalise(values),
  activations: async ({ from, to, points, up }: { from: number; to: number; points: number; up: number }) =>
    (await import('./layers')).activations(from, to, points, up),
  kvCaches: async () => (await import('./kv-caches')).kvCaches(),
  mixture: async ({ totalTokens, rows }: { totalTokens: number; rows: number }) =>
    (await import('./mixture')).mixture(totalTokens, rows),
  merges: async (text: string) => (await import('./merges')).merges(text),
}

export type LabOffer = typeof offer

serve(offer)
