/** Base of the errors that this package throws; `name` is stable and may be matched on. */
export class TensorError extends Error {
  override readonly name: string = 'TensorError'
}

/** Shapes or types that do not fit an op. The message names the op, what it expected and what it found. */
export class ShapeError extends TensorError {
  override readonly name = 'ShapeError'
  constructor(op: string, problem: string) {
    super(`${op}: ${problem}`)
  }
}

/** A device that was named and cannot run here. The message says why, and what would make it run. */
export class DeviceUnavailableError extends TensorError {
  override readonly name = 'DeviceUnavailableError'
  constructor(
    readonly device: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`device "${device}" cannot run here: ${reason}`, options)
  }
}

/** A device that failed while it ran: out of memory, a lost GPU, a refused shader. Its tensors are gone. */
export class DeviceFailedError extends TensorError {
  override readonly name: string = 'DeviceFailedError'
  constructor(device: string, problem: string, options?: ErrorOptions) {
    super(`device "${device}" failed: ${problem}`, options)
  }
}

/**
 * A GPU that went away while it ran: its driver was reset, the machine slept, a pass took too long. Nothing on the device can be
 * read. Open the device again and load the model again. `loadModel` does this itself if it opened the device by name.
 */
export class DeviceLostError extends DeviceFailedError {
  override readonly name = 'DeviceLostError'
  constructor(device: string, problem: string, options?: ErrorOptions) {
    super(device, `the GPU was lost; open the device again and load the model again: ${problem}`, options)
  }
}

/** A device that has no memory for a tensor. */
export class OutOfMemoryError extends DeviceFailedError {
  override readonly name = 'OutOfMemoryError'
  constructor(
    readonly device: string,
    /** What the memory was for: the name of a weight, or a shape and its type. */
    readonly tensor: string,
    readonly bytes: number,
    options?: ErrorOptions,
  ) {
    super(
      device,
      `it has no memory for ${tensor}, ${bytes} bytes: hold the weights in a smaller type, take a shorter context or a smaller model, or free what else is on it`,
      options,
    )
  }
}

/** A call on a device after `close()`. */
export class DeviceClosedError extends TensorError {
  override readonly name = 'DeviceClosedError'
  constructor(device: string, work: string) {
    super(`${work}: device "${device}" is closed; open a new one`)
  }
}

/** A device has no implementation of an op, for these types or at all. */
export class UnsupportedOpError extends TensorError {
  override readonly name = 'UnsupportedOpError'
  constructor(
    readonly op: string,
    readonly device: string,
    call: string,
  ) {
    super(`device "${device}" has no implementation of ${op} for ${call}: use other types, or another device`)
  }
}

/** A gradient that cannot be computed: of an op that has none, or of a value that was changed in place. */
export class GradientError extends TensorError {
  override readonly name = 'GradientError'
}

/** A tensor used after `dispose()`, or after the scope that made it ended. */
export class DisposedError extends TensorError {
  override readonly name = 'DisposedError'
}
