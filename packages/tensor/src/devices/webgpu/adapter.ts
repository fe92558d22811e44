import { nodeBuiltin, nodeProcess, nodeRequire } from '../node-require'

/** Where Chromium packages put SwiftShader's Vulkan driver, which runs WebGPU on the processor. */
const SWIFTSHADER_DRIVERS = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json']

interface Dawn {
  create(options: string[]): GPU
}

/** What a device may ask of an adapter. */
export interface AdapterOptions {
  /** SwiftShader may be the adapter. */
  readonly software: boolean
  /** Features that are not in the standard yet; in a page the browser's own switches decide. */
  readonly experimental?: boolean | undefined
}

/** Dawn's instances, by whether they show experimental features. They must outlive their adapters: the module keeps them. */
const ofNode = new Map<boolean, GPU>()

const inNode = (experimental: boolean): GPU | undefined => {
  const dawn = nodeRequire('webgpu') as Dawn | undefined
  const gpu = dawn?.create(experimental ? ['enable-dawn-features=allow_unsafe_apis'] : [])
  if (gpu) ofNode.set(experimental, gpu)
  return gpu
}

const systemGpu = (experimental: boolean): GPU | undefined =>
  globalThis.navigator?.gpu ?? ofNode.get(experimental) ?? inNode(experimental)

/** Features of the WGSL that the adapters of this machine compile. */
export const languageFeatures = (): ReadonlySet<string> =>
  (globalThis.navigator?.gpu ?? [...ofNode.values()][0])?.wgslLanguageFeatures ?? new Set()

/** Whether the adapter runs on the CPU: correct but slow. It is used only if the device is named. */
export const isSoftware = ({ info }: GPUAdapter): boolean =>
  (info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true ||
  /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`)

export const describe = ({ info }: GPUAdapter): string =>
  [info.description || info.device, info.vendor, info.architecture].filter(Boolean).join(', ')

const preference = { powerPreference: 'high-performance' } as const

interface NodeFiles {
  existsSync(path: string): boolean
  readdirSync(path: string): string[]
}

/**
 * Whether Vulkan's loader can find a driver, by where it looks on Linux (its "Driver Discovery"). To ask Dawn where it cannot prints
 * lines of warnings, and takes its time.
 */
const mayHaveDriver = (): boolean => {
  const process = nodeProcess()
  const fs = nodeBuiltin<NodeFiles>('node:fs')
  if (!fs || process?.platform !== 'linux') return true
  const { env } = process
  if (env.VK_DRIVER_FILES || env.VK_ADD_DRIVER_FILES || env.VK_ICD_FILENAMES) return true
  const folders = [
    env.XDG_CONFIG_HOME ?? `${env.HOME}/.config`,
    env.XDG_DATA_HOME ?? `${env.HOME}/.local/share`,
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
    ...(env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
    ...['/etc', '/usr/local/etc', '/usr/local/share', '/usr/share', '/run/opengl-driver/share'],
  ].map(base => `${base}/vulkan/icd.d`)
  return folders.some(folder => fs.existsSync(folder) && fs.readdirSync(folder).some(name => name.endsWith('.json')))
}

/** The adapter of this machine, or a text that says why it has none. */
export const requestAdapter = async ({
  software,
  experimental = false,
}: AdapterOptions): Promise<GPUAdapter | string> => {
  const gpu = systemGpu(experimental)
  if (!gpu)
    return 'process' in globalThis
      ? 'Node has no WebGPU of its own: install the npm package "webgpu" beside this one'
      : 'this browser offers no navigator.gpu'
  const hardware = mayHaveDriver() ? await gpu.requestAdapter(preference) : null
  const adapter = hardware ?? (software ? await softwareAdapter(experimental) : null)
  return (
    adapter ??
    'no GPU driver offers an adapter (in Node: Vulkan, Metal or D3D12; VK_DRIVER_FILES names a Vulkan driver; the packages chromium and libvulkan1 contain a software one)'
  )
}

/** Why this machine has no GPU for WebGPU. It only asks for an adapter, and loads neither the device nor its shaders and gpu.js. */
export const whyNoHardware = async (): Promise<string | undefined> => {
  const adapter = await requestAdapter({ software: false })
  if (typeof adapter === 'string') return adapter
  return isSoftware(adapter) ? `it runs on software, ${describe(adapter)}` : undefined
}

const softwareAdapter = async (experimental: boolean): Promise<GPUAdapter | null> => {
  const fs = nodeBuiltin<NodeFiles>('node:fs')
  const driver = SWIFTSHADER_DRIVERS.find(path => fs?.existsSync(path))
  const env = nodeProcess()?.env
  if (!driver || !env || env.VK_DRIVER_FILES) return null
  // The Vulkan loader reads its drivers from the environment when an instance is made.
  env.VK_DRIVER_FILES = driver
  return (await inNode(experimental)?.requestAdapter()) ?? null
}
