import { type Device, openDevice } from '@cria/tensor'

let opened: Promise<Device> | undefined

/** The device that pictures are computed on: they are small, so one thread of the processor is enough. */
export const labDevice = (): Promise<Device> => {
  opened ??= openDevice('simd', { threads: 1 }).catch(() => openDevice('cpu'))
  return opened
}
