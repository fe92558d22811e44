import {
  adamw,
  applyOne,
  clipFactor,
  crossEntropy,
  type Device,
  globalNorm,
  type Op,
  ops,
  type Shape,
  sum,
  type Tensor,
} from '@cria/tensor'
import { type OpCase, onRandom, size } from './case'
import { causal, ids, random } from './inputs'

const { dim, hidden, vocab, heads, headDim, eps } = size

/** An op by its name, because gradients are not exported as functions. */
const opNamed = (name: string): Op => {
  const found = ops.find(op => op.name === name)
  if (!found) throw new RangeError(`there is no op "${name}"`)
  return found
}

/** A case of an op by its name. */
const named = (
  name: string,
  tokens: number,
  makeInputs: (device: Device) => readonly Tensor[],
  attributes?: unknown,
): OpCase => ({
  name,
  op: name,
  tokens,
  prepare: device => {
    const inputs = makeInputs(device)
    const op = opNamed(name)
    return () => applyOne(op, inputs, attributes)
  },
})

/** The ops of a training step over one document of `tokens` tokens, except those of the forward pass. */
export const trainingCases = (tokens: number): OpCase[] => {
  const x: Shape = [tokens, dim]
  const wide: Shape = [tokens, hidden]
  const logits: Shape = [tokens, vocab]
  const split: Shape = [tokens, heads, headDim]
  const matrix: Shape = [hidden, dim]
  const gradient = (name: string, shapes: readonly Shape[], attributes?: unknown): OpCase =>
    named(name, tokens, device => shapes.map(shape => random(device, shape)), attributes)
  const span = tokens
  const seen = (tokens * (tokens + 1)) / 2
  return [
    named(
      'attentionBackward',
      tokens,
      device => {
        const [q, k, v, dy] = [split, split, split, split].map(shape => random(device, shape))
        const { first, last } = causal(device, tokens, tokens)
        return [q, k, v, first, last, dy]
      },
      { span, seen },
    ),
    {
      name: 'crossEntropy',
      op: 'crossEntropy',
      tokens,
      prepare: device => {
        const x = random(device, logits)
        const targets = ids(device, tokens, vocab)
        return () => crossEntropy(x, targets)
      },
    },
    named('crossEntropyBackward', tokens, device => [
      random(device, logits),
      ids(device, tokens, vocab),
      random(device, [tokens]),
    ]),
    named('embeddingBackward', tokens, device => [ids(device, tokens, vocab), random(device, x)], { vocab }),
    gradient('rmsNormBackward', [x, [dim], x], { eps }),
    gradient('layerNormBackward', [x, [dim], x], { eps }),
    gradient('siluMulBackward', [wide, wide, wide]),
    gradient('geluBackward', [wide, wide]),
    gradient('reluBackward', [wide, wide]),
    gradient('softmaxBackward', [logits, logits]),
    gradient('sumRows', [x]),
    gradient('pad', [x], { axis: 1, start: 0, size: hidden }),
    gradient('expand', [[1]], { shape: [tokens] }),
    onRandom('sum', tokens, [[tokens]], sum),
    onRandom('globalNorm', tokens, [[dim, dim], [dim]], (...gradients) => globalNorm(gradients)),
    onRandom('clipFactor', tokens, [[1]], norm => clipFactor(norm, 1)),
    {
      name: 'adamw',
      op: 'adamw',
      tokens,
      prepare: device => {
        const [parameter, dy] = [random(device, matrix), random(device, matrix)]
        const [m, v] = [device.zeros(matrix), device.zeros(matrix)]
        const factor = device.tensor([1], [1])
        const options = { lr: 1e-6, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step: 1 }
        return () => {
          adamw({ parameter, m, v }, dy, factor, options)
          return parameter
        }
      },
    },
  ]
}
