/** A command line that cannot be carried out; the message names the option and says what to give. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A contender that could not be made ready, or failed while it ran. The message names it. */
export class ContenderError extends Error {
  override readonly name = 'ContenderError'
}

/** Texts to read that are not there. The message names them. */
export class TextError extends Error {
  override readonly name = 'TextError'
}

/** A peer that is not installed, or could not be. */
export class PeerError extends Error {
  override readonly name = 'PeerError'
}
