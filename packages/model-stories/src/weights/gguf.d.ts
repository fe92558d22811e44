/** The build makes a module of the file: its bytes. */
declare module '*.gguf' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}
