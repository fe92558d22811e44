// `cria/worker`: models in workers of your own, and the scripts of such workers.

export { WorkerError } from '../errors'
export type { Inspection, InspectOptions, Values } from '../inspect'
export { loadInWorker, type WorkerLoadOptions } from './load-in-worker'
export type { PlatformWorker } from './ports'
export type { DeviceFacts } from './protocol'
export { type ServeOptions, serveModels } from './serve-models'
export { WorkerModel } from './worker-model'
