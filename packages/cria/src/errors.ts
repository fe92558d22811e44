/** A model that cannot be loaded as asked: none given, no tokenizer, one of another size, weights that no device reads. */
export class LoadError extends Error {
  override readonly name = 'LoadError'
}
