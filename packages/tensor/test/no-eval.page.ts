import { listDevices, openDevice, rmsNorm } from '../src'

/** The devices that are listed, what an op gives on each that is available, and what `auto` takes. */
export default async () => {
  const reports = await listDevices()
  const results: Record<string, string> = {}
  for (const { name, available } of reports) {
    if (!available || name === 'shape') continue
    await using device = await openDevice(name)
    using x = device.tensor([3, 4], [1, 2])
    using weight = device.tensor([1, 1], [2])
    using y = rmsNorm(x, weight, 0)
    results[name] = Array.from(await y.read(), value => value.toFixed(4)).join()
  }
  const auto = await openDevice().then(
    async device => {
      await device.close()
      return device.name
    },
    (error: Error) => error.message,
  )
  return { reports, results, auto }
}
