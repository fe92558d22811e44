/** Where in a checkpoint a problem lies. */
export interface Place {
  /** The file, as its source names it. */
  readonly file: string
  /** The tensor, by the name that the file gives it. */
  readonly tensor?: string | undefined
  /** The header field, metadata key, or option. */
  readonly field?: string | undefined
}

/** The longest name or problem that is shown whole; a hostile file's may have megabytes. */
const maxShown = 400

const brief = (text: string) => (text.length <= maxShown ? text : `${text.slice(0, maxShown)}…`)

const describe = ({ file, tensor, field }: Place) =>
  [file, tensor && brief(`tensor ${JSON.stringify(tensor)}`), field && brief(field)].filter(Boolean).join(': ')

/** What every error of this package is; `file`, `tensor` and `field` say where. */
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

/** The file is sound, but what it holds is no LLaMA that this package can represent. */
export class UnsupportedModelError extends CheckpointError {
  override readonly name = 'UnsupportedModelError'
}

/** The bytes could not be had: no such file, a failed request, a server without ranges, a file that changed. */
export class SourceError extends CheckpointError {
  override readonly name = 'SourceError'
  /** What a server answered; undefined where none did. */
  readonly status: number | undefined

  constructor(place: Place, problem: string, { status, ...options }: ErrorOptions & { status?: number } = {}) {
    super(place, problem, options)
    this.status = status
  }
}

/** What was asked for cannot be represented: a value beyond f16, rows that no block divides, a format without the field. */
export class ConversionError extends CheckpointError {
  override readonly name = 'ConversionError'
}

/** A file could not be written: no room, no right, no such place. */
export class SaveError extends CheckpointError {
  override readonly name = 'SaveError'
}
