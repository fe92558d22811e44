/** Base of the errors that this package throws; `name` is stable and may be matched on. */
export class TensorError extends Error {
  override readonly name: string = 'TensorError'
}

/** Shapes that do not fit an op. The message names the op, what it expected and what it found. */
export class ShapeError extends TensorError {
  override readonly name = 'ShapeError'
  constructor(op: string, problem: string) {
    super(`${op}: ${problem}`)
  }
}

/** A device that was asked for by name and cannot run here. The message says why, and what would make it run. */
export class DeviceUnavailableError extends TensorError {
  override readonly name = 'DeviceUnavailableError'
  constructor(
    readonly device: string,
    readonly reason: string,
  ) {
    super(`device "${device}" cannot run here: ${reason}`)
  }
}

/** A device that failed while it ran: out of memory, a lost GPU, a refused shader. Its tensors are gone. */
export class DeviceFailedError extends TensorError {
  override readonly name = 'DeviceFailedError'
  constructor(device: string, problem: string, options?: ErrorOptions) {
    super(`device "${device}" failed: ${problem}`, options)
  }
}

/** A tensor used after `dispose()`, or after the scope that made it ended. */
export class DisposedError extends TensorError {
  override readonly name = 'DisposedError'
}
