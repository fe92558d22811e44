import { testedDevices } from '@cria/vitest/devices'
import { afterAll, describe, expect, test } from 'vitest'
import {
  add,
  apply,
  argMax,
  type Device,
  deviceNames,
  GradientError,
  linear,
  listDevices,
  mean,
  mul,
  openDevice,
  recompute,
  relu,
  rmsNorm,
  sum,
  Tape,
  type Tensor,
} from '../src'
import type { Op, Values } from '../src/op'
import { ops } from '../src/ops'
import { type Case, Draw, drawCases } from './cases'
import { relativeError } from './cases/check'

// The gradient of each op against central differences of its reference in float64: for random weights w of the outputs, the
// gradient of Σ w·y by every element of every float input.

const seed = Number(process.env.CRIA_SEED ?? Date.now() % 2 ** 32)
const STEP = 1e-5
/** Inputs of more elements than this are checked by some of their elements. */
const MOST = 12

/** Ops without a gradient: gradients and optimisers themselves, and ops whose outputs are not a smooth function of floats. */
const without = new Set(ops.filter(({ gradient }) => gradient === undefined).map(({ name }) => name))

const floats = ({ data, shape }: Values) => ({ shape, data: Float64Array.from(data) })

/** Tables of angles are constants. */
const constants: Readonly<Record<string, readonly number[]>> = { rope: [1, 2] }
const isVariable = ({ op, inputs }: Case, input: number) =>
  inputs[input].dtype === 'f32' && !constants[op.name]?.includes(input)

/** Elements to check: [input, element] pairs. */
const elements = (one: Case, draw: Draw): [number, number][] =>
  one.inputs.flatMap(({ data }, input) => {
    if (!isVariable(one, input)) return []
    const all = Array.from({ length: data.length }, (_, i) => i)
    const some = data.length <= MOST ? all : Array.from({ length: MOST }, () => draw.integer(0, data.length - 1))
    return some.map(element => [input, element] as [number, number])
  })

const differences = (
  { op, inputs, attributes }: Case,
  weights: readonly Float64Array[],
  at: readonly [number, number][],
) => {
  const loss = (values: readonly Values[]) =>
    op
      .reference(values, attributes)
      .reduce((total, y, i) => total + y.reduce((sum, value, j) => sum + value * weights[i][j], 0), 0)
  return at.map(([input, element]) => {
    const moved = (by: number) => {
      const values = inputs.map(floats)
      values[input].data[element] += by
      return loss(values)
    }
    return (moved(STEP) - moved(-STEP)) / (2 * STEP)
  })
}

const tapeGradients = async (device: Device, one: Case, weights: readonly Float64Array[]) => {
  const { op, inputs, attributes } = one
  using _scope = device.scope()
  const tensors = inputs.map(({ data, shape, dtype }) =>
    device.tensor(dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data), shape, dtype),
  )
  const roots = tensors.filter((_, i) => isVariable(one, i))
  using tape = new Tape(device, roots)
  const outputs = apply(op, tensors, attributes)
  const loss = outputs
    .map((y, i) => sum(mul(y, device.tensor(Float32Array.from(weights[i]), y.shape))))
    .reduce((a, b) => add(a, b))
  const found = tape.gradients(loss, roots)
  const read = await Promise.all(found.map(gradient => gradient.read()))
  let next = 0
  return inputs.map((_, i) => (isVariable(one, i) ? read[next++] : undefined))
}

/** Small cases: central differences of large sums lose too many digits. */
const checkable = ({ op, inputs }: Case) =>
  !without.has(op.name) &&
  inputs.some(({ dtype }) => dtype === 'f32') &&
  inputs.every(({ data }) => data.length <= 600 && Array.from(data).every(x => Math.abs(x) < 20))

const inNode = testedDevices(await listDevices()).filter(({ name, available }) => name !== 'shape' && available)

describe(`gradients, seed ${seed}`, () => {
  for (const name of deviceNames.filter(name => name !== 'shape'))
    test.skipIf(!inNode.some(report => report.name === name))(
      `of every op on ${name} are those of central differences`,
      { timeout: 600_000 },
      async () => {
        await using device = await openDevice(name)
        const draw = new Draw(seed)
        const seen = new Set<string>()
        for (const one of drawCases(draw).filter(checkable)) {
          const outputs = one.op.reference(one.inputs, one.attributes)
          const weights = outputs.map(y => Float64Array.from(y, () => Math.fround(draw.next() - 0.5)))
          const at = elements(one, draw)
          const expected = differences(one, weights, at)
          const found = await tapeGradients(device, one, weights)
          const picked = at.map(([input, element]) => found[input]?.[element] ?? Number.NaN)
          const scale = Math.max(1, ...one.inputs.map(({ data }) => Math.sqrt(data.length) / 4))
          const error = relativeError(picked, expected, scale)
          expect(error, `${one.op.name} ${JSON.stringify(one.inputs.map(x => x.shape))}`).toBeLessThan(2e-4)
          seen.add(one.op.name)
        }
        expect([...seen].sort()).toEqual(
          ops
            .map(op => op.name)
            .filter(op => !without.has(op))
            .sort(),
        )
        expect(device.memory).toEqual({ allocations: 0, bytes: 0 })
      },
    )
})

describe('a tape', async () => {
  const device = await openDevice('cpu')
  afterAll(() => device.close())

  const gradientsOf = (x: Tensor, work: (x: Tensor) => Tensor): Tensor => {
    using tape = new Tape(device, [x])
    return tape.gradients(sum(work(x)), [x])[0]
  }

  test('adds up the gradients of a tensor that is used several times', async () => {
    using _scope = device.scope()
    const x = device.tensor([1, 2, 3], [3])
    expect(await gradientsOf(x, x => add(mul(x, x), x)).read()).toEqual(Float32Array.of(3, 5, 7))
  })

  test('gives zeros for what the loss does not depend on', async () => {
    using _scope = device.scope()
    const [x, y] = [device.tensor([1, 2], [2]), device.tensor([3, 4], [2])]
    using tape = new Tape(device, [x, y])
    const [, dy] = tape.gradients(sum(x), [x, y])
    expect(await dy.read()).toEqual(Float32Array.of(0, 0))
  })

  test('keeps values past the scopes that made them, and frees them in the end', async () => {
    const before = device.memory.allocations
    {
      using _scope = device.scope()
      const x = device.tensor([1, -2, 3], [1, 3])
      using tape = new Tape(device, [x])
      const inner = (x: Tensor) => {
        using scope = device.scope()
        return scope.keep(mul(relu(mul(x, x)), x))
      }
      const [dx] = tape.gradients(sum(inner(x)), [x])
      expect(await dx.read()).toEqual(Float32Array.of(3, 12, 27))
    }
    expect(device.memory.allocations).toBe(before)
  })

  test('recomputes a part and gives the same bits', async () => {
    using _scope = device.scope()
    const draw = new Draw(7)
    const tensor = (...shape: number[]) => device.tensor(Float32Array.from(draw.normal(...shape).data), shape)
    const [x, w, g] = [tensor(4, 6), tensor(6, 6), tensor(6)]
    const block = (x: Tensor) => relu(linear(rmsNorm(x, g, 1e-5), w))
    const run = async (wrap: typeof recompute) => {
      using tape = new Tape(device, [x, w, g])
      const loss = mean(wrap(wrap(x, block), block))
      return Promise.all(tape.gradients(loss, [x, w, g]).map(gradient => gradient.read()))
    }
    expect(await run(recompute)).toEqual(await run((x, work) => work(x)))
  })

  test('refuses an op without a gradient and names it, but only if the loss depends on it', async () => {
    using _scope = device.scope()
    const x = device.tensor([1, 2, 3, 4], [2, 2])
    const looked = (x: Tensor) => {
      argMax(x)
      return x
    }
    expect(await gradientsOf(x, looked).read()).toEqual(Float32Array.of(1, 1, 1, 1))
    const reluBackward = ops.find(({ name }) => name === 'reluBackward') as Op
    expect(() => gradientsOf(x, x => apply(reluBackward, [x, x], undefined)[0])).toThrow(
      new GradientError('reluBackward has no gradient: the loss must not depend on it'),
    )
  })

  test('refuses a loss of several numbers, and tensors that are not roots', () => {
    using _scope = device.scope()
    const x = device.tensor([1, 2], [2])
    expect(() => new Tape(device, [x]).gradients(x, [x])).toThrow('gradients: the loss must be one number, found [2]')
    expect(() => new Tape(device, [x]).gradients(sum(x), [device.zeros([2])])).toThrow(GradientError)
  })

  test('refuses ops that change what it tracks', () => {
    using _scope = device.scope()
    const x = device.tensor([1, 2], [1, 2])
    using _tape = new Tape(device, [x])
    const writeRows = ops.find(({ name }) => name === 'writeRows') as Op
    expect(() => apply(writeRows, [device.zeros([3, 2]), x, device.tensor(Int32Array.of(0), [1])], undefined)).toThrow(
      'writeRows changes a tensor in place',
    )
  })
})
