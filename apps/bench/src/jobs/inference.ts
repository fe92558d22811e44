import { openPath } from '@cria/checkpoint/node'
import { type CriaOptions, criaJob } from '../inference/cria'
import type { Job } from '../job'

export interface InferenceOptions extends CriaOptions {
  /** A path. */
  readonly model: string
}

/** Cria in this Node. */
export const prepare = async ({ model, ...options }: InferenceOptions): Promise<Job> =>
  criaJob(await openPath(model, { vocabulary: false }), options)
