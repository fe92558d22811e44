import { computed, signal } from '@preact/signals'
import type { ChatMessage, DeviceChoice, LoadProgress, ModelFacts, Sampling } from './engine'

/** The text that the model continues. */
export const prompt = signal('Once upon a time')

/** The seed of the next text; undefined draws a new one each time. */
export const seed = signal<number | undefined>(undefined)

export const sampling = signal<Sampling>({ temperature: 0.8, topP: 0.9, maxTokens: 200 })

/** The text written so far, after the prompt that it started from. */
export const written = signal({ prompt: '', text: '' })

export const chat = signal<readonly ChatMessage[]>([])

export const model = signal<ModelFacts | undefined>(undefined)

/** What a load in progress has read; undefined when none runs. */
export const loading = signal<LoadProgress | undefined>(undefined)

export const devices = signal<readonly DeviceChoice[]>([])

/** What went wrong last, in words for the person in front of the page. */
export const problem = signal<string | undefined>(undefined)

/** The text that Look takes apart: what was written last, else the prompt. */
export const textToLookAt = computed(() => {
  const { prompt: start, text } = written.value
  return text === '' ? prompt.value : start + text
})
