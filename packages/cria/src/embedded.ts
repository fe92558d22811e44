/** The model that is used when none is named, as a GGUF file: a small one that Cria trained, which tells stories. */
export const embeddedModel = async (): Promise<Uint8Array<ArrayBuffer>> =>
  (await import('@cria/model-stories')).readStories()
