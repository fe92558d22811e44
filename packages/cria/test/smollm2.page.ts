import { type DeviceName, loadModel } from '../src'

interface Input {
  readonly device: DeviceName
  readonly question: string
  readonly maxTokens: number
}

/** Loads the model in a page, and answers a question. */
export default async ({ device, question, maxTokens }: Input) => {
  const file = new File([await (await fetch('/smollm2.gguf')).blob()], 'smollm2.gguf')
  await using model = await loadModel(file, { device })
  const ids: number[] = []
  const options = { temperature: 0, maxTokens, stopIds: [], onToken: ({ id }: { id: number }) => ids.push(id) }
  await model.chat([{ role: 'user', content: question }], options).all
  return { ran: model.device.name, ids }
}
