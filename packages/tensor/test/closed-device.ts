import { add, type Device, type DeviceName, linear, openDevice, type Tensor } from '../src'

/** Everything that a device can be asked for, by name. */
const works: Readonly<Record<string, (device: Device, tensors: readonly Tensor[]) => unknown>> = {
  tensor: device => device.tensor([1], [1]),
  tensors: device => device.tensors([{ data: [1], shape: [1] }]),
  zeros: device => device.zeros([2]),
  'an elementwise op': (_, [x]) => add(x, x),
  'an op with a weight': (_, [x, weight]) => linear(x, weight),
  'a view': (_, [x]) => x.reshape(4),
  read: (_, [x]) => x.read(),
  'read of integers': (_, [, , ids]) => ids.readIntegers(),
  record: (device, [x]) => device.record(() => add(x, x)),
}

const outcomeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work()
    return 'no error'
  } catch (error) {
    return (error as Error).name
  }
}

/** Names of the errors of each work on a closed device, and what became of a read that began before. */
export const workOnClosed = async (name: DeviceName) => {
  const device = await openDevice(name)
  const x = device.tensor([1, 2, 3, 4], [1, 4])
  const weight = device.tensor(new Float32Array(12), [3, 4])
  const ids = device.tensor(Int32Array.of(1, 2), [2])
  const sum = add(x, x)
  const begun = sum.read().then(
    values => values.join(),
    (error: Error) => error.name,
  )
  await device.close()
  const outcomes: Record<string, string> = {}
  for (const [work, run] of Object.entries(works))
    outcomes[work] = await outcomeOf(() => run(device, [x, weight, ids, sum]))
  for (const tensor of [x, weight, ids, sum]) tensor.dispose()
  return { begun: await begun, outcomes, left: { ...device.memory } }
}

/** For a page: {@link workOnClosed} on each of its devices. */
export default async (names: readonly DeviceName[]) => {
  const found: Record<string, Awaited<ReturnType<typeof workOnClosed>>> = {}
  for (const name of names) found[name] = await workOnClosed(name)
  return found
}
