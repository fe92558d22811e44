/** Seconds of a call for each item, one after the other, and what the calls gave. */
export const timeCalls = <I, R>(
  call: (item: I) => R,
  items: readonly I[],
): { readonly seconds: number; readonly results: readonly R[] } => {
  const results: R[] = []
  const start = performance.now()
  for (const item of items) results.push(call(item))
  return { seconds: (performance.now() - start) / 1000, results }
}
