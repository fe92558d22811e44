/** What every error of this package extends. */
export abstract class DataMixtureError extends Error {}

/** A config or an option is wrong: an unknown or missing key, a value out of range, shares that do not sum to one. */
export class MixtureConfigError extends DataMixtureError {
  override readonly name = 'MixtureConfigError'

  /**
   * @param field the path of the value in the config, such as `sources[2].share`
   * @param problem what was found, what was expected, and what to do
   */
  constructor(
    readonly field: string,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`${field}: ${problem}`, options)
  }
}

/** A file cannot be read as documents: it is missing, damaged, not UTF-8, or not of the format that it should be. */
export class DocumentError extends DataMixtureError {
  override readonly name = 'DocumentError'

  constructor(
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options)
  }
}

/** A source has no documents, or fewer tokens than one row. */
export class SourceSizeError extends DataMixtureError {
  override readonly name = 'SourceSizeError'

  constructor(
    readonly source: string,
    problem: string,
  ) {
    super(`source ${JSON.stringify(source)}: ${problem}`)
  }
}

/** A token id is outside the vocabulary. */
export class VocabularyError extends DataMixtureError {
  override readonly name = 'VocabularyError'

  constructor(
    readonly id: number,
    readonly vocabSize: number,
    where: string,
    advice: string,
  ) {
    super(`${where}: token id ${id} is outside the vocabulary of ${vocabSize} tokens: ${advice}`)
  }
}

/** Token shards cannot be used: cut short, damaged, of another tokenizer, or of other documents. */
export class ShardError extends DataMixtureError {
  override readonly name = 'ShardError'

  constructor(
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options)
  }
}

/** A file cannot be written: the disk is full, the folder cannot be written to, or the file exists. */
export class WriteError extends DataMixtureError {
  override readonly name = 'WriteError'

  constructor(
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options)
  }
}

/** A saved state belongs to another mixture. */
export class MixtureStateError extends DataMixtureError {
  override readonly name = 'MixtureStateError'
}
