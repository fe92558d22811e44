// What the buttons of several views do. State changes here and nowhere else.
import { signal } from '@preact/signals'
import { type ChatMessage, engine, type ModelSource } from './engine'
import { explain, isAbort } from './problems'
import { view } from './route'
import { chat, devices, loading, model, problem, prompt, sampling, seed, written } from './state'

/** The device that the next model is loaded on. */
export const chosenDevice = signal('auto')

export const writing = signal(false)

/** Statistics of the last text; undefined before the first. */
export const stats = signal<
  { readonly seed: number; readonly tokens: number; readonly perSecond: number; readonly end: string } | undefined
>(undefined)

let stopWriting = new AbortController()
let stopLoading = new AbortController()
/** The source of the loaded model, to load it again on another device. */
let source: ModelSource | undefined

/** Whether the page's own model was asked for. */
let opened = false

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
    chat.value = []
    return true
  } catch (error) {
    if (!isAbort(error)) problem.value = explain(error)
    // With no model left, the page's own one is opened where it is needed.
    opened = from.kind === 'embedded'
    return false
  } finally {
    if (stopLoading === stop) loading.value = undefined
  }
}

/** Opens the built-in model when a model is first needed, and lets it write, so that there is something to see at once. */
export const openEmbedded = async (): Promise<void> => {
  if (opened || model.value || loading.value) return
  opened = true
  const isThere = await load({ kind: 'embedded' })
  if (isThere && view.value === 'write' && written.value.text === '' && !writing.value) await write()
}

export const cancelLoad = (): void => stopLoading.abort()

/** Takes another device, and moves the model there. */
export const chooseDevice = async (name: string): Promise<void> => {
  chosenDevice.value = name
  if (source) await load(source)
}

let listing = false

export const listDevices = async (): Promise<void> => {
  if (devices.value.length > 0 || listing) return
  listing = true
  try {
    devices.value = await engine.devices()
  } catch (error) {
    problem.value = explain(error)
  } finally {
    listing = false
  }
}

/** Writes on from the prompt until the model ends, the limit is reached, or `stop`. */
export const write = async (): Promise<void> => {
  const start = prompt.value
  written.value = { prompt: start, text: '' }
  await run(start, piece => {
    written.value = { prompt: start, text: written.value.text + piece }
  })
}

/** Lets the model answer a message of the chat. */
export const answer = async (message: string): Promise<void> => {
  const asked: readonly ChatMessage[] = [...chat.value, { role: 'user', content: message }]
  let content = ''
  chat.value = [...asked, { role: 'assistant', content }]
  await run(asked, piece => {
    content += piece
    chat.value = [...asked, { role: 'assistant', content }]
  })
}

/** Runs one generation in place of the one that runs. */
const run = async (from: string | readonly ChatMessage[], show: (piece: string) => void): Promise<void> => {
  stopWriting.abort()
  const stop = new AbortController()
  stopWriting = stop
  problem.value = undefined
  writing.value = true
  stats.value = undefined
  const text = engine.generate({ from, seed: seed.value, ...sampling.value, signal: stop.signal })
  try {
    for await (const piece of text) {
      if (stop.signal.aborted) break
      show(piece)
      stats.value = statsOf(text.stats, 'writing')
    }
    if (stopWriting === stop) stats.value = statsOf(text.stats, ends[text.finishReason ?? ''] ?? 'stopped')
  } catch (error) {
    if (!isAbort(error)) problem.value = explain(error)
    else if (stopWriting === stop) stats.value = statsOf(text.stats, 'stopped')
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
