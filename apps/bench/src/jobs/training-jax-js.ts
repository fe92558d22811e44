import type { Job } from '../job'
import { importPeer, versionOf } from '../peers'
import { counted } from '../report/format'
import { type JaxArray, type JaxJs, jaxStep, type Parameters } from '../training/jax-js'
import { initialWeights, optimizer, type PeerTrainingOptions, trainingBatch } from '../training/peer'
import { installWebWorkers } from '../training/web-worker'

/** Training steps in jax-js, compiled, on its wasm device. */
export const prepare = async ({ threads, size, rows }: PeerTrainingOptions): Promise<Job> => {
  // It looks for Web Workers while it loads.
  installWebWorkers(threads)
  const jax = await importPeer<JaxJs>('@jax-js/jax', 'dist/index.js')
  jax.defaultDevice('wasm')
  const { numpy: np } = jax
  const all = [...(await initialWeights(size))]
  const arrays = (of: (weight: (typeof all)[number][1]) => JaxArray): Parameters =>
    Object.fromEntries(all.map(([path, weight]) => [path, of(weight)]))
  let state = {
    weights: arrays(({ shape, values }) => np.array(values, { shape })),
    m: arrays(({ shape }) => np.zeros(shape)),
    v: arrays(({ shape }) => np.zeros(shape)),
  }
  const batch = trainingBatch(size, rows)
  const [ids, targets] = [np.array(batch.ids), np.array(batch.targets)]
  const step = jaxStep(jax, size)
  const correction = (beta: number, t: number) => np.array(Float32Array.of(1 / (1 - beta ** t)))
  let t = 0
  return {
    description: `jax-js ${await versionOf('@jax-js/jax')}, jit, wasm device, SIMD, ${counted(threads, 'thread')}`,
    run: async () => {
      const start = performance.now()
      t++
      const corrections = { m: correction(optimizer.beta1, t), v: correction(optimizer.beta2, t) }
      const [next, loss] = step(state, corrections, ids.ref, targets.ref)
      state = await jax.blockUntilReady(next)
      const [value] = await loss.data()
      return { seconds: (performance.now() - start) / 1000, loss: value }
    },
    close: async () => {},
  }
}
