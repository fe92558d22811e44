/**
 * The model as a GGUF file: config, tokenizer and weights (q8_0). It is part of the JavaScript of this package, in a separate module that
 * is loaded here, so that Node, bundlers and pages need no other file.
 * @returns a new array, which the caller may change
 */
export const readStories = async (): Promise<Uint8Array<ArrayBuffer>> => (await import('#weights')).read()
