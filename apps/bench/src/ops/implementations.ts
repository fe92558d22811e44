import {
  type Device,
  type DeviceOptions,
  type Op,
  openDevice,
  ops,
  type Tensor,
  UnsupportedOpError,
} from '@cria/tensor'
import type { Sample } from '../job'
import { implementationTitle, type OpCase } from './case'
import { timeCall } from './time'

/** What a composite op runs where no implementation of the whole fits. */
const PARTS = 'in parts'

/**
 * Seconds of a call by each implementation of the op on `webgpu` that fits it, by the case and the implementation. Each has a
 * device of its own that has no other one.
 * @param options those of `device`
 */
export const timeImplementations = async (
  device: Device,
  cases: readonly OpCase[],
  options: Pick<DeviceOptions, 'subgroupMatrices'> = {},
): Promise<Sample> => {
  const wanted = ops.filter(({ name }) => cases.some(({ op }) => op === name))
  const namesOf = new Map(wanted.map(op => [op.name, device.implementationNames(op)]))
  const seconds = new Map<string, number>()
  for (const implementation of new Set([...namesOf.values()].flat())) {
    const having = wanted.filter(({ name }) => namesOf.get(name)?.includes(implementation))
    await using forced = await openDevice('webgpu', {
      ...options,
      force: Object.fromEntries(having.map(({ name }) => [name, implementation])),
    })
    for (const one of cases.filter(({ op }) => having.some(({ name }) => name === op)))
      await timeCase(forced, one, implementation, seconds)
  }
  for (const one of cases.filter(({ op }) => wanted.some(({ name, compose }) => name === op && compose)))
    if (!namesOf.get(one.op)?.some(name => seconds.has(implementationTitle(one, name))))
      await timeCase(device, one, PARTS, seconds)
  return Object.fromEntries(
    cases.flatMap(one =>
      [...(namesOf.get(one.op) ?? []), PARTS].flatMap(name => {
        const title = implementationTitle(one, name)
        const found = seconds.get(title)
        return found === undefined ? [] : [[title, found]]
      }),
    ),
  )
}

/** Times a case, unless another implementation or none computes it here. */
const timeCase = async (
  device: Device,
  one: OpCase,
  implementation: string,
  seconds: Map<string, number>,
): Promise<void> => {
  using _scope = device.scope()
  const call = one.prepare(device)
  const ran = await implementationOf(device, one.op, call)
  if (ran === implementation) seconds.set(implementationTitle(one, implementation), await timeCall(device, call))
}

/** What computes a call of an op; undefined if nothing can. Its shaders are compiled then. */
const implementationOf = async (device: Device, op: Op['name'], call: () => Tensor): Promise<string | undefined> => {
  let found = PARTS
  using _observing = device.observe({
    call: seen => {
      if (seen.op.name === op) found = seen.implementation
    },
  })
  using _scope = device.scope()
  try {
    await call().read()
  } catch (error) {
    if (error instanceof UnsupportedOpError) return undefined
    throw error
  }
  return found
}
