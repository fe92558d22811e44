import { openUrl } from '@cria/checkpoint'
import { type CriaOptions, criaJob } from '../inference/cria'
import type { Job } from '../job'

export interface CriaPageOptions extends CriaOptions {
  /** A URL. */
  readonly model: string
}

/** Cria in this page. */
export const prepare = async ({ model, ...options }: CriaPageOptions): Promise<Job> =>
  criaJob(await openUrl(new URL(model, location.href).href, { vocabulary: false }), options)
