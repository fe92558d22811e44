import type { Device, Observed } from '@cria/tensor'

/**
 * Runs work and finds the first op whose output has a value that is NaN or infinite.
 * @returns the name of the op, or undefined if all outputs are finite
 */
export const firstNonFinite = async (device: Device, work: () => void): Promise<string | undefined> => {
  const seen: { readonly op: string; readonly finite: Promise<boolean> }[] = []
  const call = ({ op, outputs }: Observed) => {
    for (const output of outputs)
      if (output.dtype === 'f32') seen.push({ op: op.name, finite: output.read().then(allFinite) })
  }
  {
    using _observing = device.observe({ call })
    work()
  }
  for (const { op, finite } of seen) if (!(await finite)) return op
  return undefined
}

const allFinite = (values: Float32Array): boolean => values.every(Number.isFinite)
