/** A parameter that was used before it had values, or was given values of another shape. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError'
}

/** A token id that is not in the vocabulary, or no ids at all. */
export class TokenIdsError extends Error {
  override readonly name = 'TokenIdsError'
}

/** Invalid sizes or settings of a layer or a model. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
