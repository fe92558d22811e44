import { linearAdd, normGatedLinear, normLinear, projectHeads, type Shape } from '@cria/tensor'
import { type OpCase, onRandom, size } from './case'
import { random, range } from './inputs'

const { dim, hidden, heads, headDim, context, eps } = size

/** Composite ops of a forward pass over `tokens` tokens, with f32 weights: the parts of a layer that a device may fuse. */
export const compositeCases = (tokens: number): OpCase[] => {
  const x: Shape = [tokens, dim]
  return [
    onRandom('linearAdd', tokens, [[tokens, hidden], [dim, hidden], x], linearAdd),
    onRandom('normLinear', tokens, [x, [dim], [hidden, dim]], (h, norm, weight) => normLinear(h, norm, weight, eps)),
    onRandom('normGatedLinear', tokens, [x, [dim], [hidden, dim], [hidden, dim]], (h, norm, gate, up) =>
      normGatedLinear(h, norm, gate, up, eps),
    ),
    {
      name: 'projectHeads',
      op: 'projectHeads',
      tokens,
      prepare: device => {
        const h = random(device, x)
        const norm = random(device, [dim])
        const [wq, wk, wv] = [0, 1, 2].map(() => random(device, [dim, dim]))
        const [cosines, sines] = [0, 1].map(() => random(device, [context, headDim / 2]))
        const [keys, values] = [0, 1].map(() => random(device, [context, heads, headDim]))
        const positions = range(device, context - tokens, tokens)
        const inputs = { norm, wq, wk, wv, angles: { cosines, sines }, positions, keys, values, rows: positions }
        return () => projectHeads(h, inputs, { eps, headDim, pairing: 'interleaved' })
      },
    },
  ]
}
