/** This runtime lacks what every build of the kernels needs: WebAssembly with 128-bit SIMD and threads. */
export class SimdUnavailableError extends Error {
  override readonly name = 'SimdUnavailableError'
}

/** An option or a weight that cannot be used; the message names it, what was expected and what was found. */
export class SimdArgumentError extends Error {
  override readonly name = 'SimdArgumentError'
}

/** Numbers that the data type of a cache cannot hold. */
export class SimdRangeError extends Error {
  override readonly name = 'SimdRangeError'
}

/** The memory of an engine, at most 4 GiB, is too small for an allocation. */
export class SimdMemoryError extends Error {
  override readonly name = 'SimdMemoryError'

  /**
   * @param neededBytes size of a memory with room for all current data and the new allocation
   * @param limitBytes size that the memory may have
   */
  constructor(
    readonly requestedBytes: number,
    readonly neededBytes: number,
    readonly limitBytes: number,
  ) {
    super(
      `${mebibytes(requestedBytes)} more would need a memory of ${mebibytes(neededBytes)}, and it is limited to ` +
        `${mebibytes(limitBytes)}: take a smaller model, smaller weights (q8_0, q4_0) or a shorter context`,
    )
  }
}

/** A worker ended, or did not answer for too long, while a kernel ran. The output of that kernel is incomplete. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError'

  constructor(options?: ErrorOptions) {
    super(
      'a worker thread ended in the middle of a kernel, whose result is incomplete; ' +
        'the next call works, on one thread until new workers have started',
      options,
    )
  }
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
