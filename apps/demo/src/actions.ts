// What the buttons of several views do. State changes here and nowhere else.
import { signal } from '@preact/signals'
import { engine, type ModelSource } from './engine'
import { explain, isAbort } from './problems'
import { devices, loading, model, problem, prompt, sampling, seed, written } from './state'

/** The device that the next model is loaded on. */
export const chosenDevice = signal('auto')

export const writing = signal(false)

/** What the last text took; undefined before the first. */
export const stats = signal<
  { readonly seed: number; readonly tokens: number; readonly perSecond: number; readonly end: string } | undefined
>(undefined)

let stopWriting = new AbortController()
let stopLoading = new AbortController()
/** The source of the loaded model, to load it again on another device. */
let source: ModelSource | undefined

/** Loads a model in place of the one that is loaded. Returns whether it is there. */
export const load = async (from: ModelSource): Promise<boolean> => {
  stopWriting.abort()
  stopLoading.abort()
  const stop = new AbortController()
  stopLoading = stop
  problem.value = undefined
  model.value = undefined
  loading.value = { loaded: 0, total: 0 }
  try {
    const facts = await engine.load(from, {
      device: chosenDevice.value,
      signal: stop.signal,
      onProgress: progress => {
        loading.value = progress
      },
    })
    source = from
    model.value = facts
    return true
  } catch (error) {
    if (!isAbort(error)) problem.value = explain(error)
    return false
  } finally {
    if (stopLoading === stop) loading.value = undefined
  }
}

export const cancelLoad = (): void => stopLoading.abort()

/** Takes another device, and moves the model there. */
export const chooseDevice = async (name: string): Promise<void> => {
  chosenDevice.value = name
  if (source) await load(source)
}

export const listDevices = async (): Promise<void> => {
  if (devices.value.length > 0) return
  try {
    devices.value = await engine.devices()
  } catch (error) {
    problem.value = explain(error)
  }
}

/** Writes on from the prompt until the model ends, the limit is reached, or `stop`. */
export const write = async (): Promise<void> => {
  stopWriting.abort()
  const stop = new AbortController()
  stopWriting = stop
  const start = prompt.value
  problem.value = undefined
  writing.value = true
  stats.value = undefined
  written.value = { prompt: start, text: '' }
  const text = engine.generate({ from: start, seed: seed.value, ...sampling.value, signal: stop.signal })
  try {
    for await (const piece of text) {
      if (stopWriting !== stop) return
      written.value = { prompt: start, text: written.value.text + piece }
      stats.value = statsOf(text.stats, 'writing')
    }
    stats.value = statsOf(text.stats, ends[text.finishReason ?? ''] ?? 'ended')
  } catch (error) {
    if (isAbort(error)) {
      if (stopWriting === stop && stats.value) stats.value = { ...stats.value, end: 'stopped' }
    } else problem.value = explain(error)
  } finally {
    if (stopWriting === stop) writing.value = false
  }
}

export const stop = (): void => stopWriting.abort()

const ends: Readonly<Record<string, string>> = {
  stop: 'the model ended its text',
  length: 'reached the length that you set',
  context: 'the context of the model is full',
}

const statsOf = (
  { seed, tokens, decodeSeconds }: { seed: number; tokens: number; decodeSeconds: number },
  end: string,
) => ({
  seed,
  tokens,
  perSecond: decodeSeconds > 0 ? (tokens - 1) / decodeSeconds : 0,
  end,
})
