import type { Device, DeviceName, DeviceOptions } from '../device'
import { DeviceUnavailableError, TensorError } from '../errors'
import { GlDevice, type GlName } from './gl'
import { supportsGl } from './gpu-js'
import { HostDevice } from './host'
import { nodeRequire } from './node-require'
import { ShapeDevice } from './shape'
import { SimdDevice } from './simd/device'
import { isSoftware, requestAdapter } from './webgpu/adapter'
import { WebGpuDevice } from './webgpu/device'

/** What a device is here, without opening it. */
export interface DeviceReport {
  readonly name: DeviceName
  readonly available: boolean
  /** What would run, or why nothing can. */
  readonly detail: string
  /** A GPU's interface that the processor emulates: right but slow, so `auto` passes it by. */
  readonly software: boolean
}

interface Kind {
  /** What runs here, or why not; for `auto`, no software adapter is searched for. */
  probe(search: { software: boolean }): Promise<Omit<DeviceReport, 'name'>>
  open(options: DeviceOptions): Promise<Device>
}

const works = (detail: string, software = false) => ({ available: true, detail, software })
const fails = (detail: string) => ({ available: false, detail, software: false })

const inBrowser = () => typeof document !== 'undefined' || typeof OffscreenCanvas !== 'undefined'

const whyNoHeadlessGl = () =>
  nodeRequire('gl') === undefined
    ? 'the optional package "gl" is not installed or not built'
    : 'the package "gl" gets no context: it needs a display, such as Xvfb'

const gl = (name: GlName): Kind => ({
  probe: async () => {
    if (name !== 'headlessgl' && !inBrowser()) return fails('it needs a browser')
    if (!supportsGl(name))
      return fails(name === 'headlessgl' ? whyNoHeadlessGl() : 'this browser gives no such context with float textures')
    await using device = new GlDevice(name)
    return works(device.description, /swiftshader|llvmpipe|software/i.test(device.description))
  },
  open: async () => {
    const { available, detail } = await gl(name).probe({ software: true })
    if (!available) throw new DeviceUnavailableError(name, detail)
    return new GlDevice(name)
  },
})

const kinds: Readonly<Record<DeviceName, Kind>> = {
  webgpu: {
    probe: async ({ software }) => {
      const adapter = await requestAdapter(software)
      if (typeof adapter === 'string') return fails(adapter)
      await using device = await WebGpuDevice.open()
      return works(device.description, isSoftware(adapter))
    },
    open: async () => WebGpuDevice.open(),
  },
  webgl2: gl('webgl2'),
  webgl: gl('webgl'),
  headlessgl: gl('headlessgl'),
  simd: {
    probe: async () => {
      try {
        await using device = await SimdDevice.open({})
        return works([device.description, device.advice].filter(text => text !== undefined).join('; '))
      } catch (error) {
        return fails((error as Error).message)
      }
    },
    open: async options => {
      try {
        return await SimdDevice.open(options)
      } catch (error) {
        throw new DeviceUnavailableError('simd', (error as Error).message)
      }
    },
  },
  webasm: {
    probe: async () => works('gpu.js, WebAssembly SIMD on one thread'),
    open: async () => new HostDevice('webasm'),
  },
  cpu: { probe: async () => works('gpu.js, JavaScript on one thread'), open: async () => new HostDevice('cpu') },
  shape: { probe: async () => works('shapes and costs alone'), open: async () => new ShapeDevice() },
}

export const deviceNames = Object.keys(kinds) as DeviceName[]

/** What `auto` tries, in order; it passes software adapters by. */
const preference = ['webgpu', 'webgl2', 'simd', 'cpu'] as const

/** Every device, with what it would run on here or why it cannot. Nothing stays open. */
export const listDevices = async (): Promise<readonly DeviceReport[]> => {
  const reports: DeviceReport[] = []
  for (const [name, kind] of Object.entries(kinds))
    reports.push({ name: name as DeviceName, ...(await kind.probe({ software: true })) })
  return reports
}

/** @throws TensorError for an option that no device knows, or that the one asked for would ignore */
const checkOptions = (name: DeviceName | 'auto', options: DeviceOptions): void => {
  for (const option of Object.keys(options))
    if (option !== 'threads')
      throw new TensorError(`openDevice has no option "${option}": the one that it knows is threads`)
  if (options.threads !== undefined && name !== 'simd' && name !== 'auto')
    throw new TensorError(`threads are for the device "simd", and this is "${name}": leave them out`)
}

/**
 * Opens a device. `auto` takes the first that runs here on hardware of its own: webgpu, webgl2, simd, cpu.
 * A device asked for by name is that one or an error, never another.
 * @throws DeviceUnavailableError @throws DeviceFailedError @throws TensorError for an option that the device would ignore
 */
export const openDevice = async (name: DeviceName | 'auto' = 'auto', options: DeviceOptions = {}): Promise<Device> => {
  if (name !== 'auto' && !Object.hasOwn(kinds, name))
    throw new DeviceUnavailableError(name, `no such device; there are ${['auto', ...deviceNames].join(', ')}`)
  checkOptions(name, options)
  if (name === 'auto') {
    for (const candidate of preference) {
      const { available, software } = await kinds[candidate].probe({ software: false })
      if (available && !software) return kinds[candidate].open(options)
    }
    throw new TensorError('no device runs here')
  }
  return kinds[name].open(options)
}
