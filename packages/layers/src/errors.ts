/** A parameter that was used before it was given its values, or given values of another shape. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError'
}

/** A token id that the vocabulary has not, or rows of ids of different lengths. */
export class TokenIdsError extends Error {
  override readonly name = 'TokenIdsError'
}

/** Sizes or settings of which no layer, and so no model, can be made. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
