import type { Session } from '@cria/sampling'
import { Tokenizer } from '@cria/tokenizer'
import { WorkerError } from '../errors'
import { headOf, type Inspection, type InspectOptions, inspect, type Values } from '../inspect'
import { loadHere } from '../load'
import type { LoadOptions } from '../load-model'
import type { Model } from '../model'
import { answerCalls, Transferred, type Work } from './calls'
import { type Port, portToOwner } from './ports'
import type { LoadedModel, SentLoad, SentLocation } from './protocol'

/** Options of a worker script of your own. */
export type ServeOptions = Pick<LoadOptions, 'architectures'>

interface Served {
  readonly model: Model
  /** A sequence is forked only when no pass of it is running. */
  readonly sessions: Map<number, Promise<Session>>
}

/**
 * Lets the calling worker serve models: `loadModel(from, { worker })` in the thread that started it loads models here. For
 * a worker script of your own, for example with architectures of your own.
 * @throws WorkerError outside of a worker
 */
export const serveModels = (options: ServeOptions = {}): void => {
  const port = portToOwner()
  if (!port) throw new WorkerError('serveModels is for the script of a worker: this thread has no owner to answer')
  serveModelsAt(port, options)
}

/** Answers the calls of models through a port. */
export const serveModelsAt = (port: Port, options: ServeOptions): void => answerCalls(port, offerOf(options))

export type ModelOffer = ReturnType<typeof offerOf>

interface SequenceCall {
  readonly model: number
  readonly sequence: number
}

interface PassCall extends SequenceCall {
  readonly ids: readonly number[]
  readonly logits: 'last' | 'all' | undefined
}

const offerOf = ({ architectures }: ServeOptions) => {
  const served = new Map<number, Served>()
  const servedAs = (number: number): Served => {
    const found = served.get(number)
    if (!found) throw new WorkerError('the model was disposed of: load it again')
    return found
  }
  const sessionOf = async ({ model, sequence }: SequenceCall): Promise<Session> => {
    const session = await servedAs(model).sessions.get(sequence)
    if (!session) throw new WorkerError('the sequence was disposed of')
    return session
  }

  const load: Work<SentLoad, LoadedModel> = async ({ model: number, from, tokenizer, ...options }, call) => {
    const model = await loadHere(locationOf(from), {
      ...options,
      architectures,
      tokenizer:
        typeof tokenizer === 'object' && 'vocabulary' in tokenizer ? new Tokenizer(tokenizer.vocabulary) : tokenizer,
      signal: call.signal,
      onProgress: call.progress,
    })
    served.set(number, { model, sessions: new Map() })
    return loadedModel(model)
  }

  const unload: Work<number, void> = async number => {
    const { model, sessions } = servedAs(number)
    served.delete(number)
    for (const session of sessions.values()) (await session).dispose()
    await model.dispose()
  }

  const create: Work<SequenceCall & { readonly capacity: number }, void> = ({ model: number, sequence, capacity }) => {
    const { model, sessions } = servedAs(number)
    const session = (async () => model.createSession({ capacity }))()
    // The first pass reports its error.
    session.catch(() => {})
    sessions.set(sequence, session)
  }

  const fork: Work<SequenceCall & { readonly from: number }, void> = ({ model, sequence, from }) => {
    const session = sessionOf({ model, sequence: from }).then(origin => origin.fork())
    session.catch(() => {})
    servedAs(model).sessions.set(sequence, session)
  }

  const rewind: Work<SequenceCall & { readonly length: number }, void> = async ({ length, ...sequence }) =>
    (await sessionOf(sequence)).rewind(length)

  const length: Work<SequenceCall, number> = async call => (await sessionOf(call)).length

  const drop: Work<SequenceCall, void> = async call => {
    const session = await sessionOf(call)
    servedAs(call.model).sessions.delete(call.sequence)
    session.dispose()
  }

  const forward: Work<PassCall, readonly Float32Array<ArrayBuffer>[]> = async ({ ids, logits, ...sequence }, call) => {
    const session = await sessionOf(sequence)
    const request = { logits, signal: call.signal, onProgress: call.progress }
    const rows = await settled(session, () => session.forward(ids, request))
    const copies = rows.map(
      row => (row.buffer.byteLength === row.byteLength ? row : row.slice()) as Float32Array<ArrayBuffer>,
    )
    return new Transferred(
      copies,
      copies.map(({ buffer }) => buffer),
    )
  }

  const greedy: Work<PassCall & { readonly vocabSize: number | undefined }, readonly number[]> = async (
    { ids, logits, vocabSize, ...sequence },
    call,
  ) => {
    const session = await sessionOf(sequence)
    const request = { logits, vocabSize, signal: call.signal, onProgress: call.progress }
    return settled(session, () => session.greedy(ids, request))
  }

  const inspectModel: Work<
    { readonly model: number; readonly ids: ArrayLike<number> } & Omit<InspectOptions, 'signal'>,
    Inspection
  > = async ({ model, ids, ...options }, { signal }) => {
    const seen = await inspect(servedAs(model).model, ids, { ...options, signal })
    return new Transferred(
      seen,
      [seen.logits, ...seen.values.values()].map(({ data }) => data.buffer),
    )
  }

  const head: Work<{ readonly model: number; readonly states: Values }, Values> = async ({ model, states }) => {
    const logits = await headOf(servedAs(model).model, states)
    return new Transferred(logits, [logits.data.buffer])
  }

  return { load, unload, create, fork, rewind, length, drop, forward, greedy, inspect: inspectModel, head }
}

/** A pass that fails leaves the session with what its sequence holds. */
const settled = async <Result>(session: Session, pass: () => Promise<Result>): Promise<Result> => {
  try {
    return await pass()
  } catch (error) {
    session.rewind(session.length)
    throw error
  }
}

const locationOf = (from: SentLocation) =>
  typeof from === 'string'
    ? from
    : from.map(({ name, content }) => (name === undefined ? content : named(content, name)))

/** Restores the name of a blob, which is lost when it is sent. */
const named = (content: Blob | Uint8Array, name: string) =>
  content instanceof Blob && (content as Partial<File>).name !== name ? new File([content], name) : content

const loadedModel = (model: Model): LoadedModel => {
  const { config, format, defaults, chatTemplates, tokenizer, maxSeqLen, network, device } = model
  return {
    config,
    format,
    defaults,
    chatTemplates,
    vocabulary: tokenizer.vocabulary,
    maxSeqLen,
    parameterCount: network.parameterCount,
    device: {
      name: device.name,
      description: device.description,
      bytes: device.memory.bytes,
      software: device.software,
      advice: device.advice,
    },
  }
}
