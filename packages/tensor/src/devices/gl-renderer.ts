/** What draws for a context. */
export const rendererOf = (context: WebGLRenderingContext): string => {
  const debug = context.getExtension('WEBGL_debug_renderer_info')
  return String(context.getParameter(debug ? debug.UNMASKED_RENDERER_WEBGL : context.RENDERER))
}

/** Whether a renderer is a program that draws on the processor: right, but slow. */
export const isSoftware = (renderer: string): boolean => /swiftshader|llvmpipe|software/i.test(renderer)

/** Why this page has no GPU behind WebGL 2, asked of an empty context: that takes milliseconds, and gpu.js is not loaded for it. */
export const whyNoHardware = (): string | undefined => {
  if (typeof OffscreenCanvas === 'undefined') return undefined
  const context = new OffscreenCanvas(1, 1).getContext('webgl2')
  if (!context) return 'this browser gives no such context'
  const renderer = rendererOf(context)
  context.getExtension('WEBGL_lose_context')?.loseContext()
  return isSoftware(renderer) ? `it runs on software, ${renderer}` : undefined
}
