/**
 * Element `i` of tensor number `t`, a hash of both from -0.5 to 0.5, exact in f32: the same weights in every test and
 * referee, without a file. Norms lie around 1; matrices keep the size of what they multiply.
 */
export const randomWeights = (t, shape) => {
  const element = i => {
    let x = (Math.imul(i, 2654435761) + Math.imul(t, 40503) + 12345) >>> 0
    x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0
    return ((x ^ (x >>> 13)) >>> 8) / 2 ** 24 - 0.5
  }
  const length = shape.reduce((a, b) => a * b)
  return Float32Array.from({ length }, (_, i) => (shape.length === 1 ? 1 + element(i) / 2 : element(i) / 4))
}
