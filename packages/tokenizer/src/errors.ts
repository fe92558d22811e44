/** A tokenizer file (or a set of vocabulary arrays) that is malformed: `file` names it, the message says where and what. */
export class TokenizerFormatError extends Error {
  override readonly name = 'TokenizerFormatError'
  constructor(
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options)
  }
}

/** A valid tokenizer that this package cannot run or write, such as a unigram model. */
export class UnsupportedTokenizerError extends Error {
  override readonly name = 'UnsupportedTokenizerError'
  constructor(
    readonly file: string,
    problem: string,
  ) {
    super(`${file}: ${problem}`)
  }
}

/** A token id that the vocabulary does not have. */
export class TokenIdError extends RangeError {
  override readonly name = 'TokenIdError'
  constructor(
    readonly id: unknown,
    vocabSize: number,
  ) {
    super(`${String(id)} is not a token id: expected an integer from 0 to ${vocabSize - 1}`)
  }
}

/** An entry of `special` that is not a special token of the vocabulary. */
export class SpecialTokenError extends Error {
  override readonly name = 'SpecialTokenError'
  constructor(
    readonly token: string,
    known: Iterable<string>,
  ) {
    super(
      `${JSON.stringify(token)} is not a special token: the vocabulary has ${[...known].slice(0, 20).join(' ') || 'none'}`,
    )
  }
}

/** A text that is too long to be explained merge by merge. */
export class ExplanationError extends RangeError {
  override readonly name = 'ExplanationError'
  constructor(length: number, limit: number) {
    super(`the text has ${length} code units, at most ${limit} are explained: give a shorter text`)
  }
}

/** A corpus and settings from which no vocabulary can be trained. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError'
}
