import { type Device, openDevice } from '@cria/tensor'

let opened: Promise<Device> | undefined

/** The device that pictures are computed on: they are small, so one thread of the processor is enough. */
export const labDevice = (): Promise<Device> => {
  opened ??= openDevice('simd', { threads: 1 }).catch(() => openDevice('cpu'))
  return opened
}

/** Runs `work` with a scope that frees what it made, once its results have been read. */
export const compute = async <Result>(work: (device: Device) => Promise<Result>): Promise<Result> =>
  work(await labDevice())
