import { type Device, type DeviceName, type DeviceOptions, precisions } from '../device'
import { DeviceUnavailableError, TensorError } from '../errors'
import { add } from '../ops/add'
import type { GlName } from './gl'
import { nodeRequire } from './node-require'

/** What a device is here. It was opened and has run an op. */
export interface DeviceReport {
  readonly name: DeviceName
  readonly available: boolean
  /** What would run, or why nothing can. */
  readonly detail: string
  /** Whether the CPU emulates the GPU: correct but slow, so `auto` does not use it. */
  readonly software: boolean
}

interface Search {
  /** Whether a software adapter is accepted. */
  readonly software: boolean
}

/** Opens a device. Throws if it cannot run here, and says why. */
type Open = (options: DeviceOptions, search: Search) => Promise<Device>

const inBrowser = () => typeof document !== 'undefined' || typeof OffscreenCanvas !== 'undefined'

const whyNoGl = async (name: GlName, { software }: Search): Promise<string | undefined> => {
  if (name !== 'headlessgl' && !inBrowser()) return 'it needs a browser'
  if (!software) {
    const { whyNoHardware } = await import('./gl-renderer')
    const reason = whyNoHardware()
    if (reason !== undefined) return reason
  }
  const { supportsGl } = await import('./gpu-js')
  if (supportsGl(name)) return undefined
  if (name !== 'headlessgl') return 'this browser gives no such context with float textures'
  return nodeRequire('gl') === undefined
    ? 'the optional package "gl" is not installed or not built'
    : 'the package "gl" gets no context: it needs a display, such as Xvfb'
}

const openGl = async (name: GlName, { force }: DeviceOptions, search: Search): Promise<Device> => {
  const reason = await whyNoGl(name, search)
  if (reason !== undefined) throw new DeviceUnavailableError(name, reason)
  const { GlDevice } = await import('./gl')
  return new GlDevice(name, force)
}

/** Whether functions can be made from text. A Content-Security-Policy or a flag of the runtime can forbid it. */
const canEvaluate = (): boolean => {
  try {
    new Function('')
    return true
  } catch {
    return false
  }
}

const openHost = async (name: 'cpu' | 'webasm', { force }: DeviceOptions): Promise<Device> => {
  if (name === 'cpu' && !canEvaluate())
    throw new DeviceUnavailableError(
      name,
      "its kernels are made from text, which is forbidden here: allow it (script-src 'unsafe-eval'), or take another device",
    )
  const { HostDevice } = await import('./host')
  return new HostDevice(name, force)
}

/**
 * Each device is imported when it is opened: a program that opens only `simd` never loads gpu.js. Nothing is called here, so that a
 * bundler leaves all devices out where none is opened.
 */
const kinds: Readonly<Record<DeviceName, Open>> = {
  webgpu: async (options, { software }) => {
    if (!software) {
      const { whyNoHardware } = await import('./webgpu/adapter')
      const reason = await whyNoHardware()
      if (reason !== undefined) throw new DeviceUnavailableError('webgpu', reason)
    }
    const { WebGpuDevice } = await import('./webgpu/device')
    return WebGpuDevice.open(options, software)
  },
  webgl2: (options, search) => openGl('webgl2', options, search),
  webgl: (options, search) => openGl('webgl', options, search),
  headlessgl: (options, search) => openGl('headlessgl', options, search),
  simd: async options => {
    const { SimdDevice } = await import('./simd/device')
    return SimdDevice.open(options)
  },
  webasm: options => openHost('webasm', options),
  cpu: options => openHost('cpu', options),
  shape: async ({ force, plan }) => {
    if (plan) {
      const { WebGpuPlan } = await import('./webgpu/plan')
      return new WebGpuPlan({ bindingBytes: plan.bindingBytes, force })
    }
    const { ShapeDevice } = await import('./shape')
    return new ShapeDevice(force)
  },
}

export const deviceNames = /* @__PURE__ */ Object.keys(kinds) as DeviceName[]

/** What `auto` tries, in order. */
const preference = ['webgpu', 'webgl2', 'simd', 'cpu'] as const

/** Opens a device and runs one op on it. @throws DeviceUnavailableError with the reason of any failure */
const openKind = async (name: DeviceName, options: DeviceOptions, search: Search): Promise<Device> => {
  let device: Device | undefined
  try {
    device = await kinds[name](options, search)
    if (name !== 'shape') await runOneOp(device)
    return device
  } catch (error) {
    await device?.close()
    if (error instanceof DeviceUnavailableError) throw error
    throw new DeviceUnavailableError(name, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const runOneOp = async (device: Device): Promise<void> => {
  using a = device.tensor([1, 2, 3], [3])
  using b = device.tensor([10, 20, 30], [3])
  using sum = add(a, b)
  const found = await sum.read()
  if (found.join() !== '11,22,33')
    throw new DeviceUnavailableError(device.name, `it computes 1, 2, 3 plus 10, 20, 30 as ${found.join(', ')}`)
}

const report = async (name: DeviceName): Promise<DeviceReport> => {
  try {
    await using device = await openKind(name, {}, { software: true })
    const detail = [device.description, device.advice].filter(text => text !== undefined).join('; ')
    return { name, available: true, detail, software: device.software }
  } catch (error) {
    const detail = error instanceof DeviceUnavailableError ? error.reason : String(error)
    return { name, available: false, detail, software: false }
  }
}

/** Every device, with the hardware that it would use here, or the reason why it cannot run. No device stays open. */
export const listDevices = async (): Promise<readonly DeviceReport[]> => {
  const reports: DeviceReport[] = []
  for (const name of deviceNames) reports.push(await report(name))
  return reports
}

const known: readonly string[] = [
  'threads',
  'force',
  'tune',
  'precision',
  'subgroupMatrices',
  'plan',
] satisfies readonly (keyof DeviceOptions)[]

/** @throws TensorError for an option that no device knows, or that the chosen one would ignore */
const checkOptions = (name: DeviceName | 'auto', options: DeviceOptions): void => {
  for (const option of Object.keys(options))
    if (!known.includes(option))
      throw new TensorError(`openDevice has no option "${option}": it knows ${known.join(', ')}`)
  if (options.threads !== undefined && name !== 'simd' && name !== 'auto')
    throw new TensorError(`threads are for the device "simd", and this is "${name}": leave them out`)
  const { tune, precision, force, subgroupMatrices } = options
  if (tune !== undefined && !['auto', 'on', 'off'].includes(tune))
    throw new TensorError(`tune is ${JSON.stringify(tune)}, expected auto, on or off`)
  if (tune !== undefined && name !== 'webgpu' && name !== 'auto')
    throw new TensorError(`tune is for the device "webgpu", and this is "${name}": leave it out`)
  if (tune === 'on' && force !== undefined)
    throw new TensorError('tune is on, and force leaves nothing to choose: leave one of them out')
  if (precision !== undefined && !precisions.includes(precision))
    throw new TensorError(`precision is ${JSON.stringify(precision)}, expected one of ${precisions.join(', ')}`)
  if (precision !== undefined && name !== 'webgpu' && name !== 'auto')
    throw new TensorError(`precision is for the device "webgpu", and this is "${name}": leave it out`)
  if (precision !== undefined && precision !== 'f32' && (tune === 'off' || force !== undefined))
    throw new TensorError(
      `precision ${precision} is what tuning may choose, and ${force ? 'force leaves nothing to choose' : 'tune is off'}: leave one of them out`,
    )
  if (subgroupMatrices !== undefined && typeof subgroupMatrices !== 'boolean')
    throw new TensorError(`subgroupMatrices is ${JSON.stringify(subgroupMatrices)}, expected true or false`)
  if (subgroupMatrices !== undefined && name !== 'webgpu' && name !== 'auto')
    throw new TensorError(`subgroupMatrices are for the device "webgpu", and this is "${name}": leave them out`)
  if (subgroupMatrices && tune === 'off' && force === undefined)
    throw new TensorError('subgroupMatrices are what tuning may choose, and tune is off: leave one of them out')
  if (options.plan !== undefined && name !== 'shape')
    throw new TensorError(`plan is for the device "shape", and this is "${name}": leave it out`)
}

/**
 * Opens a device. `auto` takes the first that runs here on real hardware: webgpu, webgl2, simd, cpu.
 * If you name a device, you get that device or an error.
 * @throws DeviceUnavailableError @throws TensorError for an option that the device would ignore
 */
export const openDevice = async (name: DeviceName | 'auto' = 'auto', options: DeviceOptions = {}): Promise<Device> => {
  if (name !== 'auto' && !Object.hasOwn(kinds, name))
    throw new DeviceUnavailableError(name, `no such device; there are ${['auto', ...deviceNames].join(', ')}`)
  checkOptions(name, options)
  if (name !== 'auto') return openKind(name, options, { software: true })
  const reasons: string[] = []
  for (const candidate of preference) {
    try {
      const device = await openKind(candidate, options, { software: false })
      if (!device.software) return device
      reasons.push(`${candidate}: it runs on software, ${device.description}`)
      await device.close()
    } catch (error) {
      reasons.push(`${candidate}: ${(error as DeviceUnavailableError).reason}`)
    }
  }
  throw new DeviceUnavailableError('auto', reasons.join('; '))
}
