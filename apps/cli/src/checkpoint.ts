import type { Checkpoint } from '@cria/checkpoint'

/** Opens the model at a path, a URL or an `hf:` location; only headers are read. */
export const openCheckpoint = async (location: string, signal: AbortSignal): Promise<Checkpoint> => {
  const { openLocation } = await import('cria')
  return openLocation(location, { signal })
}
