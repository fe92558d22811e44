export interface TrainingOptions {
  /** Pieces of the vocabulary, with `<unk>`, `<s>`, `</s>`, the 256 bytes and the characters. */
  readonly vocabSize: number
  /** The share of the text whose characters become pieces, above 0 and at most 1. Default 0.99995, LLaMA's. */
  readonly characterCoverage?: number | undefined
  /** The longest piece, in characters. Default 16. */
  readonly maxPieceLength?: number | undefined
  /** Sentences with more bytes of UTF-8 are left out. Default 4192, as SentencePiece's. */
  readonly maxSentenceLength?: number | undefined
  /** Drop leading and trailing spaces and make runs of spaces one, here and in the tokenizer. Default false, as LLaMA. */
  readonly removeExtraWhitespaces?: boolean | undefined
  /** Called now and then. */
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface TrainingProgress {
  /** Sentences read. */
  readonly sentences: number
  /** Sentences left out: too long, or with the character U+2585, which stands for unknown ones in training. */
  readonly skipped: number
  /** Pieces of the vocabulary so far. */
  readonly pieces: number
  readonly vocabSize: number
}
