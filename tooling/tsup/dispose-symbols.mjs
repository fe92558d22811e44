// If a browser has no Symbol.dispose, the code that esbuild makes for `using` looks up these symbols, so methods must have them.

export const symbolDispose = /* @__PURE__ */ (() => {
  const { dispose = Symbol.for('Symbol.dispose') } = Symbol
  return dispose
})()

export const symbolAsyncDispose = /* @__PURE__ */ (() => {
  const { asyncDispose = Symbol.for('Symbol.asyncDispose') } = Symbol
  return asyncDispose
})()
