import { type Checkpoint, openUrl } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'

/** Opens the model at a path or URL; only headers are read. */
export const openCheckpoint = (location: string, signal: AbortSignal): Promise<Checkpoint> =>
  /^https?:/i.test(location) ? openUrl(location, { signal }) : openPath(location, { signal })
