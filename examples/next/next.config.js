export default {
  // The server loads the package from node_modules, with its worker and its WebAssembly, and does not bundle it.
  serverExternalPackages: ['cria'],
}
