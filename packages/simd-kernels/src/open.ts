import { SimdEngine } from './engine'
import { SimdArgumentError, SimdUnavailableError } from './errors'
import { type Build, binary, instantiate } from './kernels'
import { Memory, MOST_BYTES } from './memory'
import { type Probed, probe } from './probe'
import { ThreadPool } from './thread-pool'
import { processors, whyNoThreads } from './threads'

export interface SimdOptions {
  /** Number of threads, including the calling thread; by default one for each processor. */
  readonly threads?: number | undefined
  /** Bytes to which the memory may grow; by default 4 GiB, the maximum. */
  readonly maxBytes?: number | undefined
  /** Whether to use relaxed SIMD. Default `auto`: if the probe finds its int8 products correct. */
  readonly relaxed?: 'auto' | boolean | undefined
}

const unprobed: Probed = { int8Dot: 'none', fma: false }
const modules = new Map<Build, Promise<WebAssembly.Module>>()
let relaxedProbe: Promise<Probed> | undefined

const compile = (build: Build): Promise<WebAssembly.Module> => {
  const module = modules.get(build) ?? WebAssembly.compile(binary(build))
  modules.set(build, module)
  return module
}

const probeOnce = (): Promise<Probed> => {
  relaxedProbe ??= probeRelaxed()
  return relaxedProbe
}

const probeRelaxed = async (): Promise<Probed> => {
  if (!WebAssembly.validate(binary('relaxed'))) return unprobed
  const memory = new Memory(2 ** 20)
  const silent = { now: () => 0, workerLost() {}, growScratch() {} }
  return probe(instantiate(await compile('relaxed'), memory.memory, silent), memory)
}

/**
 * Opens an engine: compiles the kernels, probes the runtime's instructions, and starts the workers.
 * @throws SimdArgumentError for an option that cannot be used
 * @throws SimdUnavailableError if the runtime has no SIMD, no threads, or no correct relaxed SIMD although it was asked for
 */
export const openSimd = async (options: SimdOptions = {}): Promise<SimdEngine> => {
  const wanted = options.threads ?? processors()
  if (!(Number.isInteger(wanted) && wanted >= 1 && wanted <= 256))
    throw new SimdArgumentError(`threads is a whole number from 1 to 256, not ${wanted}`)
  const { relaxed = 'auto' } = options
  if (!WebAssembly.validate(binary('plain')))
    throw new SimdUnavailableError('this runtime has no WebAssembly with SIMD and threads: take a newer one')
  const probed = relaxed === false ? unprobed : await probeOnce()
  if (relaxed === true && probed.int8Dot === 'none')
    throw new SimdUnavailableError(
      'this runtime has no relaxed SIMD, or one whose results are wrong: leave out `relaxed`, or take a newer runtime',
    )
  const build = probed.int8Dot === 'none' ? 'plain' : 'relaxed'
  const whyOneThread = wanted > 1 ? whyNoThreads() : undefined
  const memory = new Memory(options.maxBytes ?? MOST_BYTES)
  const pool = await ThreadPool.start(await compile(build), memory, whyOneThread ? 1 : wanted)
  return new SimdEngine(memory, pool, { build, ...probed, whyOneThread })
}
