import { work } from '../ceilings/thread'

addEventListener('message', ({ data }) => postMessage(work(data)))
