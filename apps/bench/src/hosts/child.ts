import type { Job, Prepare } from '../job'
import { type JobName, jobs } from '../jobs/index'

// Runs in the process of a contender: it prepares a job, then carries out its parent's requests, one at a time.

/** What the parent asks. */
export type Request =
  | { readonly ask: 'prepare'; readonly job: JobName; readonly options: unknown }
  | { readonly ask: 'run' }
  | { readonly ask: 'close' }

/** What the child answers: what a job is, or a sample, or why it cannot. */
export type Reply = { readonly value: unknown } | { readonly error: string }

let job: Job | undefined

const carryOut = async (request: Request): Promise<unknown> => {
  if (request.ask === 'prepare') {
    const { prepare } = (await jobs[request.job]()) as { prepare: Prepare<unknown> }
    job = await prepare(request.options)
    const { description, details } = job
    return { description: `Node ${process.version}, ${description}`, details }
  }
  if (!job) throw new Error(`asked to ${request.ask} before a job was prepared`)
  return request.ask === 'run' ? job.run() : job.close()
}

process.on('message', (request: Request) => {
  carryOut(request).then(
    value => process.send?.({ value }),
    error => process.send?.({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
  )
})
process.on('disconnect', () => process.exit())
