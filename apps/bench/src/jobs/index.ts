/** The jobs of child processes. A module is loaded only where it runs. */
export const jobs = {
  ceilings: () => import('./ceilings'),
  'gpu-ceilings': () => import('./gpu-ceilings'),
  inference: () => import('./inference'),
  'node-llama-cpp': () => import('./node-llama-cpp'),
  load: () => import('./load'),
  norms: () => import('./norms'),
  ops: () => import('./ops'),
  training: () => import('./training'),
  'training-jax-js': () => import('./training-jax-js'),
  'training-tfjs': () => import('./training-tfjs'),
}

export type JobName = keyof typeof jobs

export type OptionsOf<N extends JobName> = Parameters<Awaited<ReturnType<(typeof jobs)[N]>>['prepare']>[0]
