import { parentPort } from 'node:worker_threads'
import { work } from '../ceilings/thread'

parentPort?.on('message', stint => parentPort?.postMessage(work(stint)))
