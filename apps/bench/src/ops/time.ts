import type { Device, Tensor } from '@cria/tensor'

/** A batch of calls takes at least so long, and is read once: what reading costs is spread over its calls. */
const SHORTEST_MS = 20

/** Seconds of one call of an op, its queue drained. */
export const timeCall = async (device: Device, call: () => Tensor): Promise<number> => {
  for (let calls = 1; ; calls *= 4) {
    const start = performance.now()
    for (let i = 1; i < calls; i++) {
      using _scope = device.scope()
      call()
    }
    using _scope = device.scope()
    await call().read()
    const elapsed = performance.now() - start
    if (elapsed >= SHORTEST_MS) return elapsed / 1000 / calls
  }
}
