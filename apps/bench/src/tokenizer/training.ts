import { trainTokenizer } from '@cria/tokenizer'
import { type Measure, measure } from '../measure'
import { cria } from './contenders'
import { nativeTraining } from './native'
import { readText, trained } from './texts'

/** How long one trained, and how many times as long as Cria. */
export interface TrainingResult {
  readonly name: string
  readonly seconds: Measure
  readonly times: Measure
}

export const trainingSize = { characters: 10_000_000, vocabSize: 32_000 }

/** Trains once: it takes long enough. */
export const timeTraining = async (hasNative: boolean): Promise<TrainingResult[]> => {
  const { characters, vocabSize } = trainingSize
  const text = (await readText(trained)).slice(0, characters)
  const start = performance.now()
  await trainTokenizer(text.split('\n'), { vocabSize })
  const own = (performance.now() - start) / 1000
  const result = (name: string, seconds: number): TrainingResult => ({
    name,
    seconds: measure('s', [seconds]),
    times: measure('×', [seconds / own]),
  })
  if (!hasNative) return [result(cria.name, own)]
  return [result(cria.name, own), result('spm_train (native)', await nativeTraining(text, vocabSize))]
}
