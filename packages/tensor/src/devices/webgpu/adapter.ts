import { nodeRequire } from '../node-require'

/** Where Chromium packages put SwiftShader's Vulkan driver, which runs WebGPU on the processor. */
const SWIFTSHADER_DRIVERS = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json']

interface Dawn {
  create(options: string[]): GPU
}

// Dawn's instance must outlive its adapters: the module keeps it.
let instance: GPU | undefined

const inNode = (): GPU | undefined => {
  const dawn = nodeRequire('webgpu') as Dawn | undefined
  return dawn?.create([])
}

const systemGpu = (): GPU | undefined => {
  instance ??= globalThis.navigator?.gpu ?? inNode()
  return instance
}

/** An adapter that draws on the processor: right, but slow. It is taken only when asked for by name. */
export const isSoftware = ({ info }: GPUAdapter): boolean =>
  (info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true ||
  /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`)

export const describe = ({ info }: GPUAdapter): string =>
  [info.description || info.device, info.vendor, info.architecture].filter(Boolean).join(', ')

const preference = { powerPreference: 'high-performance' } as const

/** The adapter of this machine, or why there is none. With `software`, SwiftShader's is looked for where there is no other. */
export const requestAdapter = async (software: boolean): Promise<GPUAdapter | string> => {
  const gpu = systemGpu()
  if (!gpu)
    return 'process' in globalThis
      ? 'Node has no WebGPU of its own: install the npm package "webgpu" beside this one'
      : 'this browser offers no navigator.gpu'
  const adapter = (await gpu.requestAdapter(preference)) ?? (software ? await softwareAdapter() : null)
  return (
    adapter ??
    'no GPU driver offers an adapter (in Node: Vulkan, Metal or D3D12; chromium and libvulkan1 bring a software one)'
  )
}

const softwareAdapter = async (): Promise<GPUAdapter | null> => {
  const fs = nodeBuiltin('node:fs') as { existsSync(path: string): boolean } | undefined
  const driver = SWIFTSHADER_DRIVERS.find(path => fs?.existsSync(path))
  const { env } = (globalThis as { process?: { env: Record<string, string | undefined> } }).process ?? { env: {} }
  if (!driver || env.VK_DRIVER_FILES) return null
  // The Vulkan loader reads its drivers from the environment when an instance is made.
  env.VK_DRIVER_FILES = driver
  instance = inNode()
  return (await instance?.requestAdapter()) ?? null
}

const nodeBuiltin = (name: string): unknown =>
  (globalThis as { process?: { getBuiltinModule?(name: string): unknown } }).process?.getBuiltinModule?.(name)
