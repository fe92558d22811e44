/**
 * A model that cannot be loaded as asked: no location or no tokenizer, a tokenizer of another model, weights of a type that
 * the device does not read, or an option that is unknown or has a wrong value.
 */
export class LoadError extends Error {
  override readonly name = 'LoadError'
}

/** A chat with a model that has no chat template, and no template was given. */
export class ChatError extends Error {
  override readonly name = 'ChatError'
}

/** A worker that could not be started, or that ended while a model was in it. Load the model again. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError'
}
