import { type DeviceName, loadModel } from '../src'
import { generateGreedily, likeliestAfterEach } from './greedy'

interface Input {
  readonly device: DeviceName
  readonly golden: Parameters<typeof generateGreedily>[1]
  readonly sequences: readonly (readonly number[])[]
}

const fetchFile = async (name: string) => new File([await (await fetch(`/${name}`)).arrayBuffer()], name)

/** Loads the model on a device of the page from files, generates one text, and reads all. */
export default async ({ device, golden, sequences }: Input) => {
  const files = [await fetchFile('stories260K.bin'), await fetchFile('tok512.bin')]
  await using model = await loadModel(files, { device, cache: 'f32' })
  const { text } = await generateGreedily(model, golden)
  const likeliest: number[][] = []
  for (const ids of sequences) likeliest.push(await likeliestAfterEach(model, ids))
  return { ran: model.device.name, on: model.device.description, text, likeliest }
}
