/** Element `i` of tensor number `t`, a hash of both: see random-weights.mjs, which plain Node scripts share. */
export function randomWeights(t: number, shape: readonly number[]): Float32Array<ArrayBuffer>
