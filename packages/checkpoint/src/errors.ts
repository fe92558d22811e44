/** The place of a problem. */
export interface Place {
  /** The file or folder. */
  readonly file: string
  /** The tensor, by its name in the file. */
  readonly tensor?: string | undefined
  /** The header field, metadata key, or option. */
  readonly field?: string | undefined
}

/** Longer names and problems are cut: those of a hostile file may have megabytes. */
const maxShown = 400

const brief = (text: string) => (text.length <= maxShown ? text : `${text.slice(0, maxShown)}…`)

const describe = ({ file, tensor, field }: Place) =>
  [file, tensor && brief(`tensor ${JSON.stringify(tensor)}`), field && brief(field)].filter(Boolean).join(': ')

/** The base of all errors of this package. `file`, `tensor` and `field` name the place of the problem. */
export abstract class CheckpointError extends Error {
  readonly file: string
  readonly tensor: string | undefined
  readonly field: string | undefined

  constructor(place: Place, problem: string, options?: ErrorOptions) {
    super(`${describe(place)}: ${brief(problem)}`, options)
    this.file = place.file
    this.tensor = place.tensor
    this.field = place.field
  }
}

/** The file breaks the rules of its format: it is damaged, cut short, hostile, or not what its name says. */
export class MalformedFileError extends CheckpointError {
  override readonly name = 'MalformedFileError'
}

/** The file is valid, but its type, version or model is not supported. */
export class UnsupportedModelError extends CheckpointError {
  override readonly name = 'UnsupportedModelError'
}

/** The bytes cannot be read: no such file, a failed request, a server without range requests, a file that changed. */
export class SourceError extends CheckpointError {
  override readonly name = 'SourceError'
  /** The status that a server answered; undefined if none did. */
  readonly status: number | undefined

  constructor(place: Place, problem: string, { status, ...options }: ErrorOptions & { status?: number } = {}) {
    super(place, problem, options)
    this.status = status
  }
}

/** A result that cannot be represented: a value beyond f16, rows that are not whole blocks, a setting that a format lacks. */
export class ConversionError extends CheckpointError {
  override readonly name = 'ConversionError'
}

/** A file cannot be written: no space, no permission, no such place. */
export class SaveError extends CheckpointError {
  override readonly name = 'SaveError'
}
