import { type DeviceName, openDevice } from '@cria/tensor'
import { adamW, train, warmupCosine } from '../src'
import { dataOf, fixture, modelOf } from './pytorch'

/** The losses of the first 5 steps of the referee's first case. */
export const firstLosses = async ({ device: name }: { readonly device: DeviceName }): Promise<number[]> => {
  const [of] = fixture.cases
  await using device = await openDevice(name)
  using model = modelOf(device, of)
  const losses: number[] = []
  const { optimiser, schedule, rows, config } = fixture
  const steps = train(model, {
    data: dataOf(of),
    schedule: warmupCosine(schedule),
    optimizer: adamW(optimiser),
    clip: optimiser.clip,
    batchTokens: rows * config.max_seq_len,
    steps: 5,
  })
  for await (const { loss } of steps) losses.push(loss)
  return losses
}
