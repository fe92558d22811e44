import { type CheckpointError, MalformedFileError, UnsupportedModelError } from './errors'

/** Bytes at the start of a file that show what it is. */
export const headBytes = 64

/** Magics of llama.cpp's formats before GGUF, as their bytes lie in the file. */
const oldMagics: Readonly<Record<string, string>> = { lmgg: 'GGML', fmgg: 'GGMF', tjgg: 'GGJT', algg: 'GGLA' }

/** The error for a file whose first bytes do not match its name, such as a web page named model.gguf; undefined for other files. */
export const disguiseError = (bytes: Uint8Array, file: string): CheckpointError | undefined => {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, headBytes))
  if (head.startsWith('version https://git-lfs.github.com/spec/')) {
    return new MalformedFileError({ file }, 'is a Git LFS pointer, not the file itself; run "git lfs pull"')
  }
  if (/^\s*<(!doctype html|html)/i.test(head)) {
    return new MalformedFileError({ file }, 'is a web page, not a file of a model; check the address it came from')
  }
  const old = oldMagics[head.slice(0, 4)]
  if (!old) return undefined
  return new UnsupportedModelError(
    { file },
    `is a ${old} file of 2023, a format that GGUF has replaced; get the model as GGUF or safetensors`,
  )
}
