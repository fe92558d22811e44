import weights from '../../weights/stories.gguf'

export const read = (): Uint8Array<ArrayBuffer> => weights.slice()
