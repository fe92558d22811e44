/** What a child process can be asked to do. Each module is loaded only where it runs. */
export const jobs = {
  ceilings: () => import('./ceilings'),
  inference: () => import('./inference'),
  'llama.cpp': () => import('./llama-cpp'),
  load: () => import('./load'),
  norms: () => import('./norms'),
  ops: () => import('./ops'),
}

export type JobName = keyof typeof jobs

export type OptionsOf<N extends JobName> = Parameters<Awaited<ReturnType<(typeof jobs)[N]>>['prepare']>[0]
