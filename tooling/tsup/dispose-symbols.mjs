// Where a browser has no Symbol.dispose, what esbuild makes of `using` looks for these: methods must be found under them.

export const symbolDispose = /* @__PURE__ */ (() => {
  const { dispose = Symbol.for('Symbol.dispose') } = Symbol
  return dispose
})()

export const symbolAsyncDispose = /* @__PURE__ */ (() => {
  const { asyncDispose = Symbol.for('Symbol.asyncDispose') } = Symbol
  return asyncDispose
})()
