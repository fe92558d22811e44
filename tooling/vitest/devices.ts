/** Whether GPUs that a processor emulates are tested too. A step of theirs takes as long as hundreds elsewhere. */
export const emulated = process.env.CRIA_EMULATED_GPU !== undefined

/** Reports of devices, where a GPU that a processor emulates is not available unless that is asked for. */
export const testedDevices = <R extends { readonly available: boolean; readonly software: boolean }>(
  reports: readonly R[],
): readonly R[] => reports.map(report => ({ ...report, available: report.available && (emulated || !report.software) }))

/** Whether a device is tested in a page: headless Chromium emulates its GPU. */
export const testedInPages = (device: string): boolean => emulated || !/^web(gpu|gl)/.test(device)
