import { openPath } from '@cria/checkpoint/node'
import { openDevice } from '@cria/tensor'
import { loadNetwork } from 'cria'
import { likeliestIds } from './cria'

/** Positions at which the likeliest token is compared: on `cpu` each of them takes a model of a billion parameters seconds. */
const POSITIONS = 16

/** The likeliest tokens of the model in a file, on the device that all others are held to. */
export const likeliestOnCpu = async (path: string): Promise<readonly number[]> => {
  await using device = await openDevice('cpu')
  const checkpoint = await openPath(path, { vocabulary: false })
  const { network } = await loadNetwork(checkpoint, { device }).finally(() => checkpoint.close())
  try {
    return await likeliestIds(network, POSITIONS)
  } finally {
    network.dispose()
  }
}
