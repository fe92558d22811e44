import { ShapeError } from './errors'

/** Sizes of a tensor's axes, outermost first; row-major. */
export type Shape = readonly number[]

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1)

export const format = (shape: Shape): string => `[${shape.join(', ')}]`

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i])

/** The shape seen as a matrix: all axes but the last flattened into rows. */
export const asMatrix = (shape: Shape): { rows: number; columns: number } => {
  const columns = shape[shape.length - 1] ?? 1
  return { rows: sizeOf(shape.slice(0, -1)), columns }
}

/** The shape seen around one axis: `[outer, size, inner]`. A negative axis counts from the end. */
export const around = (
  op: string,
  shape: Shape,
  axis: number,
): { axis: number; outer: number; size: number; inner: number } => {
  const index = axis < 0 ? shape.length + axis : axis
  if (!Number.isInteger(axis) || index < 0 || index >= shape.length)
    throw new ShapeError(op, `axis ${axis} is outside of ${format(shape)}`)
  return {
    axis: index,
    outer: sizeOf(shape.slice(0, index)),
    size: shape[index],
    inner: sizeOf(shape.slice(index + 1)),
  }
}

/** Throws a {@link ShapeError} unless every size is a whole number of at least 1 and the product is exact. */
export const checkShape = (op: string, shape: Shape): Shape => {
  if (!shape.every(size => Number.isSafeInteger(size) && size >= 1))
    throw new ShapeError(op, `sizes must be whole numbers of at least 1, found ${format(shape)}`)
  if (!Number.isSafeInteger(sizeOf(shape))) throw new ShapeError(op, `${format(shape)} holds too many elements`)
  return shape
}
