// The script of the worker that `loadModel(…, { worker: true })` starts.
import { serveModels } from './serve-models'

serveModels()
