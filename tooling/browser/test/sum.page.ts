/** Runs in the page: says where it is, and what it can do there. */
export default async function ({ numbers, file }: { numbers: number[]; file: string }) {
  const response = await fetch(file)
  const adapter = await (navigator as unknown as WithGpu).gpu?.requestAdapter()
  return {
    sum: numbers.reduce((total, number) => total + number, 0),
    bytes: [...new Uint8Array(await response.arrayBuffer())],
    isolated: globalThis.crossOriginIsolated,
    webgl2: document.createElement('canvas').getContext('webgl2') !== null,
    webgpu: adapter?.info.architecture ?? null,
  }
}

interface WithGpu {
  gpu?: { requestAdapter(): Promise<{ info: { architecture: string } } | null> }
}
