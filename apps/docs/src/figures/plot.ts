import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** A picture, and what it shows in a sentence with its numbers. */
export interface Figure {
  /** Its colours are variables of the page, so one drawing serves light and dark. */
  readonly svg: string
  readonly description: string
}

export const colours = {
  text: 'var(--vp-c-text-1)',
  faint: 'var(--vp-c-text-2)',
  grid: 'var(--vp-c-divider)',
  series: (index: number): string => `var(--series-${index % 6})`,
}

export const grid = { stroke: colours.grid, strokeOpacity: 1 }

/** Draws a plot without a browser. `description` is its text for those who do not see it. */
export const draw = (description: string, options: Plot.PlotOptions): Figure => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const plot = Plot.plot({
    document: document as unknown as Document,
    width: 680,
    marginBottom: 42,
    ariaLabel: description,
    ...options,
  })
  const { outerHTML } = plot as unknown as { readonly outerHTML: string }
  // A Vue template must not contain styles; they are in the site's style sheet.
  const svg = outerHTML
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/(<g\b[^>]*?) aria-label="[^"]*"/g, '$1') // a group without a role may have no name
    .replace('<svg ', '<svg role="img" ')
  return { svg, description }
}
