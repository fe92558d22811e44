import { loadInWorker } from '../src/worker'
import { generateGreedily } from './greedy'
import type { GoldenCase } from './stories'

/** A model in a Web Worker, from files. An address is relative to the page. */
export default async (golden: GoldenCase) => {
  const worker = new Worker('/worker.js', { type: 'module' })
  const fileOf = async (name: string) => new File([await (await fetch(name)).blob()], name)
  const files = [await fileOf('stories260K.bin'), await fileOf('tok512.bin')]
  const model = await loadInWorker(files, { worker, device: 'simd', cache: 'f32' })
  const { text } = await generateGreedily(model, golden)

  const stop = new AbortController()
  const run = model.generate('Once', { maxTokens: 400, signal: stop.signal })
  try {
    for await (const _ of run) stop.abort()
  } catch {
    // The reason of the abort.
  }
  await model.dispose()

  const { name, file } = await loadInWorker('absent.bin', { worker }).then(
    () => ({}) as never,
    error => error,
  )
  worker.terminate()
  return { text, stopped: run.finishReason, error: name, address: new URL(file).pathname }
}
