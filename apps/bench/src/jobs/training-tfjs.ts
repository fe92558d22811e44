import type { Job } from '../job'
import { importPeer, versionOf } from '../peers'
import { initialWeights, type PeerTrainingOptions, trainingBatch } from '../training/peer'
import { type Tfjs, tfjsStep } from '../training/tfjs'

/** Training steps in TensorFlow.js, on its wasm backend, which has one thread in Node. */
export const prepare = async ({ size, rows }: PeerTrainingOptions): Promise<Job> => {
  const { default: tf } = await importPeer<{ default: Tfjs }>('@tensorflow/tfjs', 'dist/tf.node.js')
  await importPeer('@tensorflow/tfjs-backend-wasm', 'dist/tf-backend-wasm.node.js')
  tf.enableProdMode()
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend of tfjs does not start')
  const step = tfjsStep(tf, size, await initialWeights(size), trainingBatch(size, rows))
  return {
    description: `tfjs ${await versionOf('@tensorflow/tfjs')}, wasm backend, SIMD, 1 thread (it has no more in Node)`,
    run: async () => {
      const start = performance.now()
      const loss = step()
      const [value] = await loss.data()
      const seconds = (performance.now() - start) / 1000
      loss.dispose()
      return { seconds, loss: value }
    },
    close: async () => {},
  }
}
